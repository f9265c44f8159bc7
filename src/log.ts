import { createConsola, type LogObject } from "consola";
import { escapeBlock, jsonText } from "./wire/text.ts";

/** The log of a server or an agent. It never contains a key, a token, a prompt or a response. */
export interface Log {
  info(message: string): void;
  warn(message: string): void;
  error(message: string): void;
  success(message: string): void;
}

/** `text` for a reader, or `json` for a program: one object a line. */
export const logFormats = ["text", "json"] as const;
export type LogFormat = (typeof logFormats)[number];

/** Messages below the level are left out. */
export const logLevels = ["error", "warn", "info"] as const;
export type LogLevel = (typeof logLevels)[number];

const consolaLevels: Record<LogLevel, number> = { error: 0, warn: 1, info: 3 };

export interface LogOptions {
  /** `info` if not given. */
  level?: LogLevel;
  /** True to begin each message of a text with the time, as JSON has it always. */
  hasTimes?: boolean;
}

/** Creates a log that is written to stderr: stdout is for data. */
export function createLog(
  stderr: NodeJS.WriteStream,
  format: LogFormat = "text",
  { level = "info", hasTimes = false }: LogOptions = {},
): Log {
  // The reader of the log may go away: an error without a listener would end the program.
  stderr.on("error", () => {});
  const common = { stdout: stderr, stderr, level: consolaLevels[level], formatOptions: { date: false } };
  if (format === "text") return withoutControls(createConsola(common), hasTimes);
  return createConsola({
    ...common,
    // consola would join equal lines, which a program that reads the log counts itself.
    throttle: 0,
    reporters: [{ log: (entry) => void stderr.write(logLine(entry)) }],
  });
}

/** A message may quote another program or a server: nothing in it moves the cursor of a terminal (T42). */
function withoutControls(log: Log, hasTimes: boolean): Log {
  const write = (level: keyof Log) => (message: string) =>
    // Only the first line of a message begins at the left.
    log[level](timePrefix(hasTimes) + escapeBlock(message).replaceAll("\n", "\n  "));
  return { info: write("info"), warn: write("warn"), error: write("error"), success: write("success") };
}

/** `2026-11-21T10:00:00Z ` */
function timePrefix(hasTimes: boolean): string {
  return hasTimes ? `${new Date().toISOString().replace(/\.\d+Z$/, "Z")} ` : "";
}

const levels: Partial<Record<LogObject["type"], string>> = { error: "error", fatal: "error", warn: "warn" };

function logLine({ date, type, args }: LogObject): string {
  const level = levels[type] ?? "info";
  return jsonText({ time: date.toISOString(), level, msg: args.map(String).join(" ") }, 0);
}
