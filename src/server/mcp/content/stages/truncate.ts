import { truncate } from "../../../../kinds/stages/truncate.ts";
import { cutTexts, fitTogether } from "../cut/cut.ts";
import { sizeText } from "../size-text.ts";
import { defineWork } from "./define.ts";

export const truncateWork = defineWork(truncate, { phase: "shorten" }, async (input, { bytes }) => {
  const texts: string[] = [];
  let left = 0;
  for (const text of input.texts) {
    const [first] = fitTogether([text], bytes)
      ? []
      : await cutTexts([text], { partSize: bytes, bySection: false });
    const end = first ? first.pieces[0]!.end : text.length;
    left += Buffer.byteLength(text.slice(end));
    texts.push(text.slice(0, end));
  }
  if (left === 0) return input;
  const note = `mcpctl left out ${sizeText(left)} at the end, because this project allows ${sizeText(bytes)} for a text.`;
  return { ...input, texts, notes: [...input.notes, note] };
});
