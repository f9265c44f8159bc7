import { defineVerb } from "../core/command.ts";
import { candidates } from "./completion/candidates.ts";

/** What the completion scripts call. Whatever goes wrong, a person who presses Tab sees nothing of it. */
export const complete = defineVerb({
  meta: { name: "__complete", description: "What may stand in the place of the last word", hidden: true },
  args: { words: { type: "positional", required: false, multiple: true } },
  async run(args, context, commands) {
    try {
      const found = await candidates(args.words, context, commands);
      const lines = found.map(({ value, about }) => (about === undefined ? value : `${value}\t${about}`));
      // A candidate is a line: one with a line break in it would be two.
      context.terminal.out(
        lines
          .filter((line) => !/[\r\n]/.test(line))
          .map((line) => `${line}\n`)
          .join(""),
      );
    } catch {}
  },
});
