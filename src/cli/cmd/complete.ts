import { escapeLine } from "../../wire/text.ts";
import { defineVerb } from "../core/command.ts";
import { candidates } from "./completion/candidates.ts";

/** A word that every shell takes as it is: no quotes, spaces, wildcards, `$(…)` or line breaks (T110). */
const plainWord = /^[\w.,:@%+=/-]+$/;

/** The verb that the completion scripts call. It prints nothing about failures: the user only pressed Tab. */
export const complete = defineVerb({
  meta: { name: "__complete", description: "Print the words that may complete the last one", hidden: true },
  args: { words: { type: "positional", required: false, multiple: true, empty: true } },
  async run(args, context, commands) {
    try {
      const found = await candidates(args.words, context, commands);
      const lines = found
        .filter(({ value }) => plainWord.test(value))
        .map(({ value, about }) => (about === undefined ? value : `${value}\t${escapeLine(about)}`));
      context.terminal.out(lines.map((line) => `${line}\n`).join(""));
    } catch {}
  },
});
