import type { Log } from "../../../src/log.ts";

/** A log that keeps its messages: one line each, `warn: …`. */
export function memoryLog(): Log & { lines: string[] } {
  const lines: string[] = [];
  const keep = (level: string) => (message: string) => void lines.push(`${level}: ${message}`);
  return { lines, info: keep("info"), warn: keep("warn"), error: keep("error"), success: keep("success") };
}
