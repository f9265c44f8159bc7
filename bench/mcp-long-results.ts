import { mcpMessage } from "./mcp-request.ts";
import { stop } from "./processes.ts";

/** The tool of the bench's MCP server whose result is long. */
export const longTool = "long";

/** Bytes of its result, about. */
const longBytes = 5 * 1024 * 1024;

/** Returns rows of a table as JSON, of about 5 MB. */
export function longText(): string {
  const note = "came by recommendation, wants to be called in the mornings, pays late";
  const row = (id: number) => ({ id, name: `customer ${id}`, city: "Berlin", note, active: id % 3 > 0 });
  const size = JSON.stringify(row(10_000)).length + 1;
  return JSON.stringify(Array.from({ length: Math.floor(longBytes / size) }, (_, id) => row(id)));
}

/** Calls of a tool with a result of 5 MB. Milliseconds until the client has the answer, and the bytes of the answer. */
export interface LongResultFigures {
  /** Over the pipes of the program, without anything in between. */
  direct: { p50: number };
  whole: { p50: number; bytes: number };
  /** The first page. */
  page: { p50: number; most: number; bytes: number };
}

/** Ways to call the tool. Each returns the answer's bytes. */
export interface LongCalls {
  /** The program, for calls without anything in between. */
  command: readonly string[];
  /** Through a project that passes results on whole, and through one that cuts them. */
  whole(): Promise<number>;
  page(): Promise<number>;
}

const calls = 20;

/** Makes calls one after the other, in turns: a machine that is busy for a while is so for all of them. */
export async function measureLongResults({ command, ...through }: LongCalls): Promise<LongResultFigures> {
  const program = new LongProgram(command);
  const ways = { direct: () => program.call(), ...through };
  const times = { direct: [] as number[], whole: [] as number[], page: [] as number[] };
  const bytes = { direct: 0, whole: 0, page: 0 };
  for (let i = 0; i < calls; i++)
    for (const way of ["direct", "whole", "page"] as const) {
      const start = performance.now();
      bytes[way] = await ways[way]();
      // The first ones start the program and warm the code up.
      if (i >= calls / 4) times[way].push(performance.now() - start);
    }
  await program.stop();
  if (bytes.whole < longBytes * 0.9 || bytes.page > longBytes / 10)
    throw new Error(`a long result is ${bytes.whole} bytes whole, and ${bytes.page} with its first page`);
  const p50 = (way: keyof typeof times) =>
    times[way].sort((a, b) => a - b)[Math.floor(times[way].length / 2)]!;
  return {
    direct: { p50: p50("direct") },
    whole: { p50: p50("whole"), bytes: bytes.whole },
    page: { p50: p50("page"), most: Math.max(...times.page), bytes: bytes.page },
  };
}

/** The program as a client of its own calls it: the answer is read and parsed. */
class LongProgram {
  readonly #child;
  #id = 0;
  #take: (line: string) => void = () => undefined;

  constructor(command: readonly string[]) {
    this.#child = Bun.spawn([...command], { stdin: "pipe", stdout: "pipe", stderr: "inherit" });
    void this.#read();
  }

  call(): Promise<number> {
    return new Promise((resolve) => {
      this.#take = (line) => {
        JSON.parse(line);
        resolve(line.length);
      };
      this.#child.stdin.write(`${JSON.stringify(mcpMessage(++this.#id, "tools/call", longTool))}\n`);
      void this.#child.stdin.flush();
    });
  }

  stop(): Promise<void> {
    return stop(this.#child);
  }

  async #read(): Promise<void> {
    const decoder = new TextDecoder();
    let parts: string[] = [];
    for await (const bytes of this.#child.stdout) {
      parts.push(decoder.decode(bytes, { stream: true }));
      if (!parts.at(-1)!.endsWith("\n")) continue;
      this.#take(parts.join(""));
      parts = [];
    }
  }
}
