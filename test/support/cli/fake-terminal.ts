import type { GlobalFlags } from "../../../src/cli/core/context.ts";
import type { LineEditor, Terminal } from "../../../src/cli/terminal/terminal.ts";
import { AppError } from "../../../src/errors.ts";

export interface FakeTerminal extends Terminal {
  /** All that was written so far. */
  stdout: string;
  stderr: string;
  /** What was prompts, in order; hidden questions end in "(hidden)". */
  prompts: string[];
  /** The lines that the editor was given for its history. */
  history: string[];
}

/** What is typed. */
export interface Typing {
  stdin?: string;
  /** Lines; `^C` is that key. Behind the last one comes Ctrl-D, where lines are read in a conversation. */
  answers?: string[];
  /** Gets `interrupt`, which presses Ctrl-C while nothing is prompts. */
  keys?: Keys;
}

export interface Keys {
  interrupt?(): void;
}

/** A terminal whose output is kept. It is a real one, with a person at it, when `answers` are given. */
export function fakeTerminal({ stdin = "", answers, keys }: Typing = {}): FakeTerminal {
  const person = answers !== undefined;
  const left = [...(answers ?? [])];
  return {
    stdout: "",
    stderr: "",
    prompts: [],
    out(text) {
      this.stdout += text;
    },
    err(text) {
      this.stderr += text;
    },
    readStdin: async () => stdin,
    async prompt(question, hidden) {
      this.prompts.push(hidden ? `${question}(hidden)` : question);
      const answer = left.shift();
      if (answer === undefined) throw new AppError("usage", "there is nobody to ask");
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
    outIsTerminal: person,
    errIsTerminal: person,
    inIsTerminal: person,
    drain: async () => {},
    closed: false,
    columns: person ? 100 : undefined,
    color: false,
    errColor: false,
  };
}

/** Global flags when none is given. */
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
