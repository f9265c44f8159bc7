import type { GlobalFlags } from "../../../src/cli/core/context.ts";
import type { LineEditor, Terminal } from "../../../src/cli/terminal/terminal.ts";
import { AppError } from "../../../src/errors.ts";

export interface FakeTerminal extends Terminal {
  /** Everything that was written so far. */
  stdout: string;
  stderr: string;
  /** The questions in their order; hidden ones end in "(hidden)". */
  prompts: string[];
  /** The history that the line editor was given. */
  history: string[];
}

/** The input of a fake terminal. */
export interface TypedInput {
  stdin?: string;
  /** Lines; `^C` is that key. In a conversation Ctrl-D follows the last one. */
  answers?: string[];
  /** Is given `interrupt`, which presses Ctrl-C between questions. */
  keys?: Keys;
  /** Is called with all output so far whenever there is more. */
  onOutput?(stdout: string): void;
}

export interface Keys {
  interrupt?(): void;
}

/** A terminal that records its output. With `answers` it is interactive, otherwise input and output are pipes. */
export function fakeTerminal({ stdin = "", answers, keys, onOutput }: TypedInput = {}): FakeTerminal {
  const isInteractive = answers !== undefined;
  const left = [...(answers ?? [])];
  return {
    actingAs: undefined,
    stdout: "",
    stderr: "",
    prompts: [],
    out(text) {
      this.stdout += text;
      onOutput?.(this.stdout);
    },
    err(text) {
      this.stderr += text;
    },
    data(text) {
      this.out(text);
    },
    async bytes(piece) {
      this.stdout += Buffer.from(piece).toString("latin1");
    },
    rewrite(text) {
      this.err(`\r${text}`);
    },
    momentary() {
      return (text) => this.err(`\r${text}`);
    },
    handOver() {},
    readStdin: async () => stdin,
    input: () => new Blob([stdin]).stream(),
    async prompt(question, hidden) {
      this.prompts.push(hidden ? `${question}(hidden)` : question);
      const answer = left.shift();
      if (answer === undefined) throw new AppError("usage", "no answer is left");
      return answer;
    },
    async lines(history) {
      this.history = [...history];
      const editor: LineEditor = {
        read: async (question) => {
          this.prompts.push(question);
          const line = left.shift();
          if (line === undefined) return "ended";
          return line === "^C" ? "interrupted" : { line };
        },
        onInterrupt: undefined,
        close: () => this.prompts.push("closed"),
      };
      if (keys) keys.interrupt = () => editor.onInterrupt?.();
      return editor;
    },
    history: [],
    outIsTerminal: isInteractive,
    errIsTerminal: isInteractive,
    inIsTerminal: isInteractive,
    drain: async () => {},
    closed: false,
    columns: isInteractive ? 100 : undefined,
    errColumns: isInteractive ? 100 : undefined,
    color: false,
    errColor: false,
  };
}

/** The global flags if none is given. */
export const flags: GlobalFlags = {
  output: undefined,
  server: undefined,
  tokenFile: undefined,
  context: undefined,
  project: undefined,
  direct: false,
  timeout: undefined,
  verbose: false,
};
