import { type ConsolaInstance, createConsola, type LogObject } from "consola";
import { redact } from "./redact.ts";

/** What the server says about itself. Everything goes to stderr: stdout is for data. */
export type Log = Pick<ConsolaInstance, "info" | "warn" | "error" | "success">;

/** How it is written: for people, or as one JSON object a line. */
export const logFormats = ["text", "json"] as const;
export type LogFormat = (typeof logFormats)[number];

export function createLog(stderr: NodeJS.WriteStream, format: LogFormat = "text"): Log {
  // Whoever reads the log may leave: an error that nobody listens for would end the server.
  stderr.on("error", () => {});
  const common = { stdout: stderr, stderr, level: 3, formatOptions: { date: false } };
  if (format === "text") return createConsola(common);
  return createConsola({
    ...common,
    // Lines that say the same are not gathered: whoever reads them by machine counts them itself.
    throttle: 0,
    reporters: [{ log: (entry) => void stderr.write(logLine(entry)) }],
  });
}

const levels: Partial<Record<LogObject["type"], string>> = { error: "error", fatal: "error", warn: "warn" };

function logLine({ date, type, args }: LogObject): string {
  return jsonLine({
    time: date.toISOString(),
    level: levels[type] ?? "info",
    msg: args.map(String).join(" "),
  });
}

/** Data as a line of JSON in which nothing moves a terminal's cursor: JSON itself lets DEL and the C1 controls through (T42). */
export function jsonLine(value: object): string {
  const text = JSON.stringify(value);
  return `${text.replace(/[\u007f-\u009f]/g, (c) => `\\u00${c.charCodeAt(0).toString(16)}`)}\n`;
}

/** An error for the log: with its causes, without anything that looks like a key (T22, T27, T28). */
export function describeError(error: unknown): string {
  const lines: string[] = [];
  for (let cause = error, depth = 0; cause !== undefined && depth < 4; depth++) {
    lines.push(cause instanceof Error ? traceOf(cause) : String(cause));
    cause = cause instanceof Error ? cause.cause : undefined;
  }
  return redact(lines.join("\ncaused by: "), undefined);
}

/** Bun leaves the message out of the stack of an error that it throws itself. */
function traceOf({ name, message, stack = "" }: Error): string {
  return stack.includes(message) ? stack : `${name}: ${message}\n${stack}`;
}
