import { defineVerb } from "../core/command.ts";
import { candidates } from "./completion/candidates.ts";

/** The verb that the completion scripts call. It prints nothing about failures: the user only pressed Tab. */
export const complete = defineVerb({
  meta: { name: "__complete", description: "Print the words that may complete the last one", hidden: true },
  args: { words: { type: "positional", required: false, multiple: true } },
  async run(args, context, commands) {
    try {
      const found = await candidates(args.words, context, commands);
      const lines = found.map(({ value, about }) => (about === undefined ? value : `${value}\t${about}`));
      // One candidate is one line: a name with a line break would be two candidates.
      context.terminal.out(
        lines
          .filter((line) => !/[\r\n]/.test(line))
          .map((line) => `${line}\n`)
          .join(""),
      );
    } catch {}
  },
});
