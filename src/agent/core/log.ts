import { createConsola, type LogObject } from "consola";

/** What an agent says about itself: never a token, never what is asked of a model or answered. */
export interface Log {
  info(message: string): void;
  warn(message: string): void;
  error(message: string): void;
  success(message: string): void;
}

/** How it is written: for people, or as one JSON object a line. */
export const logFormats = ["text", "json"] as const;
export type LogFormat = (typeof logFormats)[number];

/** A log on stderr: stdout is for data. */
export function createAgentLog(stderr: NodeJS.WriteStream, format: LogFormat): Log {
  // Whoever reads the log may leave: an error that nobody listens for would end the agent.
  stderr.on("error", () => {});
  const common = { stdout: stderr, stderr, level: 3, formatOptions: { date: false } };
  if (format === "text") return plain(createConsola(common));
  // Lines that say the same are not gathered: whoever reads them by machine counts them itself.
  return createConsola({
    ...common,
    throttle: 0,
    reporters: [{ log: (entry) => void stderr.write(line(entry)) }],
  });
}

/** Lines of vLLM's output stand in it, one below the other; nothing in it moves the cursor of whoever reads it (T42). */
function plain(log: Log): Log {
  const told = (level: keyof Log) => (message: string) =>
    log[level](message.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, " "));
  return { info: told("info"), warn: told("warn"), error: told("error"), success: told("success") };
}

function line({ date, type, args }: LogObject): string {
  const level = type === "error" || type === "warn" ? type : "info";
  const text = JSON.stringify({ time: date.toISOString(), level, msg: args.map(String).join(" ") });
  // JSON itself lets DEL and the C1 controls through, which move a terminal's cursor (T42).
  return `${text.replace(/[\u007f-\u009f]/g, (c) => `\\u00${c.charCodeAt(0).toString(16)}`)}\n`;
}
