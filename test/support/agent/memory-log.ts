import type { Log } from "../../../src/log.ts";

/** A log that is kept: one line for each entry, `warn: …`. */
export function keptLog(): Log & { lines: string[] } {
  const lines: string[] = [];
  const keep = (level: string) => (message: string) => void lines.push(`${level}: ${message}`);
  return { lines, info: keep("info"), warn: keep("warn"), error: keep("error"), success: keep("success") };
}
