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

/** Creates a log that is written to stderr: stdout is for data. */
export function createLog(stderr: NodeJS.WriteStream, format: LogFormat = "text"): Log {
  // The reader of the log may go away: an error without a listener would end the program.
  stderr.on("error", () => {});
  const common = { stdout: stderr, stderr, level: 3, formatOptions: { date: false } };
  if (format === "text") return withoutControls(createConsola(common));
  return createConsola({
    ...common,
    // consola would join equal lines, which a program that reads the log counts itself.
    throttle: 0,
    reporters: [{ log: (entry) => void stderr.write(logLine(entry)) }],
  });
}

/** A message may quote another program or a server: nothing in it moves the cursor of a terminal (T42). */
function withoutControls(log: Log): Log {
  const write = (level: keyof Log) => (message: string) =>
    // Only the first line of a message begins at the left.
    log[level](escapeBlock(message).replaceAll("\n", "\n  "));
  return { info: write("info"), warn: write("warn"), error: write("error"), success: write("success") };
}

const levels: Partial<Record<LogObject["type"], string>> = { error: "error", fatal: "error", warn: "warn" };

function logLine({ date, type, args }: LogObject): string {
  const level = levels[type] ?? "info";
  return jsonText({ time: date.toISOString(), level, msg: args.map(String).join(" ") }, 0);
}
