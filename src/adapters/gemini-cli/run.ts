import { OutputTail } from "../../processes/output-tail.ts";
import { type PipedProcess, startPiped } from "../../processes/piped-process.ts";
import { cannotStart } from "./faults.ts";

/** One run of the command. */
export interface GeminiRun extends Pick<PipedProcess, "stdout" | "closed"> {
  /** Returns the last of what it wrote to stderr. */
  stderr(): string;
  /** Ends the run and all that it has started: SIGTERM, and SIGKILL 2 s later. Never fails. */
  stop(): void;
}

export interface GeminiRunOptions {
  argv: [command: string, ...string[]];
  cwd: string;
  /** The whole environment (T30). */
  env: Record<string, string>;
  /** Written to stdin, which is then closed. */
  input: string;
}

/** Milliseconds. */
const timeouts = { grace: 2_000, kill: 2_000 };

/** The bytes of stderr that are kept. */
const stderrBytes = 16 * 1024;

/**
 * Starts the command in a process group of its own.
 *
 * @throws AppError `not_supported` when there is no such command or it may not be run, `unavailable` for other causes
 */
export function startGemini({ input, ...options }: GeminiRunOptions): GeminiRun {
  const tail = new OutputTail(stderrBytes);
  const { stdout, closed, group, write, endInput } = started({ ...options, tail });
  // A command that ends early does not read its input; its exit says more.
  void write(input)
    .catch(() => {})
    .then(endInput);
  return {
    stdout,
    closed,
    stderr: () => tail.text(),
    stop: () => void group.stop().catch(() => {}),
  };
}

function started({ tail, ...options }: Omit<GeminiRunOptions, "input"> & { tail: OutputTail }): PipedProcess {
  try {
    return startPiped({ ...options, name: "gemini", timeouts, onStderr: (bytes) => tail.push(bytes) });
  } catch (cause) {
    throw cannotStart((cause as { code?: unknown }).code, cause);
  }
}
