import type { GlobalFlags, Terminal } from "../../src/cli/context.ts";
import { AppError } from "../../src/errors.ts";

export interface FakeTerminal extends Terminal {
  /** All that was written so far. */
  stdout: string;
  stderr: string;
  /** What was asked, in order; hidden questions end in "(hidden)". */
  asked: string[];
}

/** A terminal whose output is kept. It is a real one, with a person at it, when `answers` are given. */
export function terminal({ stdin = "", answers }: { stdin?: string; answers?: string[] } = {}): FakeTerminal {
  const person = answers !== undefined;
  const left = [...(answers ?? [])];
  return {
    stdout: "",
    stderr: "",
    asked: [],
    out(text) {
      this.stdout += text;
    },
    err(text) {
      this.stderr += text;
    },
    readStdin: async () => stdin,
    async prompt(question, hidden) {
      this.asked.push(hidden ? `${question}(hidden)` : question);
      const answer = left.shift();
      if (answer === undefined) throw new AppError("usage", "there is nobody to ask");
      return answer;
    },
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
