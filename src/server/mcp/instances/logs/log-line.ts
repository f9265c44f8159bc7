/** The origin of a line: the program's stderr, a line of its stdout that is no message, or mcpctl itself. */
export type LogStream = "stderr" | "stdout" | "mcpctl";

/** One line of the log of an instance. */
export interface LogLine {
  /** RFC 3339. */
  at: string;
  /** The run of the program that it belongs to. Later runs sort behind earlier ones. */
  run: string;
  stream: LogStream;
  text: string;
}

/** The letters that stand for streams in files. */
const letters = { stderr: "e", stdout: "o", mcpctl: "m" } as const;
const streams: Readonly<Record<string, LogStream>> = { e: "stderr", o: "stdout", m: "mcpctl" };

/** Returns a line as a file has it. */
export function encodeLine({ at, run, stream, text }: LogLine): string {
  return `${at} ${run} ${letters[stream]} ${text}\n`;
}

/** Returns a line of a file; undefined if it is cut off. */
export function decodeLine(line: string): LogLine | undefined {
  const match = /^(\d{4}-\d\d-\d\dT[\d:.]+Z) ([0-9a-z]+) ([eom]) /.exec(line);
  if (!match) return undefined;
  const [head, at, run, letter] = match;
  return { at: at!, run: run!, stream: streams[letter!]!, text: line.slice(head.length) };
}
