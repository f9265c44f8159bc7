import { redact } from "../../../../kinds/stages/redact.ts";
import { PatternCover } from "../../../../wire/patterns/pattern-cover.ts";
import { oncePerObject } from "../../../core/once-per-object.ts";
import { isBetweenPairs } from "../cut/written-size.ts";
import { defineWork } from "./define.ts";

const coverOf = oncePerObject((patterns: readonly string[]) => new PatternCover(patterns));

export const redactWork = defineWork(redact, { phase: "hide" }, async (input, { patterns }) => {
  const cover = coverOf(patterns);
  const texts: string[] = [];
  for (const text of input.texts) texts.push(await redacted(text, cover));
  return { ...input, texts };
});

async function redacted(text: string, cover: PatternCover): Promise<string> {
  const ranges = await cover.rangesIn(text);
  if (ranges.length === 0) return text;
  let result = "";
  let at = 0;
  for (const [begin, end] of ranges) {
    // Half a character would be left otherwise.
    const from = Math.max(at, isBetweenPairs(text, begin) ? begin : begin - 1);
    result += `${text.slice(at, from)}[redacted]`;
    at = isBetweenPairs(text, end) ? end : end + 1;
  }
  return result + text.slice(at);
}
