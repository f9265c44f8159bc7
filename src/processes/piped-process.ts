import { type Exit, groupOf, type ProcessGroup } from "./process-group.ts";
import { childLeader, markedEnv, type StartOptions } from "./start.ts";

/** A program that this one speaks to through pipes. */
export interface PipedProcess {
  /** The program and what it has started, and their end. */
  readonly group: ProcessGroup;
  /** Its output, for one reader. A program that writes faster than this is read has to wait. */
  readonly stdout: ReadableStream<Uint8Array>;
  /**
   * Writes to its stdin. Returns when the program has read all but the bytes that fit into the pipe.
   *
   * @throws an error with the code EPIPE when the program does not read any more
   */
  write(input: string | Uint8Array): Promise<void>;
  /** Closes its stdin after what has been written. */
  endInput(): void;
  /** Resolves when the program is over, its group is ended, and its stderr has been read. */
  readonly closed: Promise<Exit>;
}

export interface PipeOptions extends StartOptions {
  /** Takes what the program writes to stderr, which is always read: a full pipe would stop the program. */
  onStderr(bytes: Uint8Array): void;
}

/** After the end of the program stderr is read for so many milliseconds: another process may hold it open. */
const drainMs = 1000;

/** The bytes of stderr that are taken before others get a turn: they may be so many lines. */
const piece = 16 * 1024;

/** The texts and bytes that were written in one turn of the event loop. */
interface Batch {
  inputs: (string | Uint8Array)[];
  /** Settles when the system has taken them. */
  done: PromiseWithResolvers<void>;
}

/**
 * Starts a program with pipes to its stdin, stdout and stderr.
 *
 * @throws the system's error, such as ENOENT or EACCES, when the program cannot be started
 */
export function startPiped(options: PipeOptions): PipedProcess {
  const { argv, cwd, onStderr } = options;
  const env = markedEnv(options);
  const pipes = { stdin: "pipe", stdout: "pipe", stderr: "pipe" } as const;
  const child = Bun.spawn(argv, { cwd, env, ...pipes, detached: true });
  const group = groupOf(childLeader(child, options.table), options);
  let batch: Batch | undefined;
  /** Hands what was written in one turn of the event loop to the system at once: Bun makes system calls for each write. */
  const handOver = () => {
    if (!batch) return;
    const { inputs, done } = batch;
    batch = undefined;
    if (group.hasExited) return done.reject(ended());
    try {
      const writes = joined(inputs).map((input) => child.stdin.write(input));
      const flushed = child.stdin.flush();
      // They are numbers of bytes unless the program has to read first.
      const waiting = [...writes, flushed].filter((one) => typeof one !== "number");
      if (waiting.length === 0) done.resolve();
      else Promise.all(waiting).then(() => done.resolve(), done.reject);
    } catch (error) {
      done.reject(error);
    }
  };
  const stderr = child.stderr.getReader();
  const drained = drain(stderr, onStderr);
  const closed = group.exited.then(async (exit) => {
    await Promise.race([drained, Bun.sleep(drainMs)]);
    // Otherwise a process that has left the group and holds the pipe would keep this program from ending.
    await stderr.cancel();
    return exit;
  });
  return {
    group,
    stdout: heldBack(child.stdout),
    closed,
    write(input) {
      if (group.hasExited) return Promise.reject(ended());
      if (!batch) {
        batch = { inputs: [], done: Promise.withResolvers() };
        setImmediate(handOver);
      }
      batch.inputs.push(input);
      return batch.done.promise;
    },
    endInput() {
      handOver();
      void child.stdin.end();
    },
  };
}

/** Bun reports bytes for a program that is over as written. */
function ended(): Error {
  return Object.assign(new Error("the program has ended"), { code: "EPIPE" });
}

/** Returns inputs in their order with texts that follow each other as one. */
function joined(inputs: readonly (string | Uint8Array)[]): (string | Uint8Array)[] {
  if (inputs.every((one) => typeof one === "string")) return [inputs.join("")];
  return [...inputs];
}

/**
 * Returns a pipe that is read only when somebody reads here. Before it has had a reader, Bun buffers its output without
 * limit; from then on it reads until the pipe is empty, and then waits for the next read.
 */
function heldBack(pipe: ReadableStream<Uint8Array>): ReadableStream<Uint8Array> {
  pipe.getReader().releaseLock();
  return pipe;
}

async function drain(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  take: (bytes: Uint8Array) => void,
): Promise<void> {
  for (let part = await reader.read(); !part.done; part = await reader.read())
    for (let from = 0; from < part.value.length; from += piece) {
      if (from > 0) await new Promise((resolve) => setImmediate(resolve));
      take(part.value.subarray(from, from + piece));
    }
}
