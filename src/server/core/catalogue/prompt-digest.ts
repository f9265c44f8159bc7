import { createHash } from "node:crypto";
import { oneLine, replaceHidden } from "../../../wire/text.ts";
import { oncePerObject } from "../once-per-object.ts";
import type { PromptRow } from "../store/typed-rows.ts";

/** The subject of a prompt. */
export interface Digest {
  summary: string;
  chapters: readonly string[];
}

/** The most characters of a summary, and of the title of a chapter. */
export const maxSummary = 300;
const maxTitle = 80;
/** The most chapters. */
const maxChapters = 20;

/** Returns the hash by which a text is known. */
export function hashOf(content: string): string {
  return createHash("sha256").update(content).digest("hex").slice(0, 32);
}

/** Returns a text without characters that move a cursor or are not shown. */
export function plainText(text: string): string {
  return replaceHidden(text.replaceAll("\r\n", "\n"), () => "");
}

/** Returns the digest of a prompt: that of an llm, if it is about the present text, else one by plain rules. */
export const digestOf = oncePerObject(
  ({ spec: { content }, status: { digest } }: PromptRow): Digest =>
    digest?.hash === hashOf(content) ? digest : plainDigest(plainText(content)),
);

/** Returns the digest of a text by plain rules: its first sentences, and its headings. */
export function plainDigest(content: string): Digest {
  return { summary: firstSentences(content), chapters: headingsOf(content) };
}

/** Returns the beginning of a text that is no heading, up to the end of a sentence. */
function firstSentences(content: string): string {
  const start = content.slice(0, 20_000);
  const paragraphs = start
    .replace(/^\s*(```|~~~)[^\n]*$/gm, "")
    .split(/\n\s*\n/)
    .map((text) => text.replace(/^\s{0,3}#{1,6}\s.*$/gm, "").replace(/^\s*([-*+>]|\d+[.)])\s+/gm, ""))
    .map((text) => oneLine(text, 4 * maxSummary))
    .filter((text) => text !== "");
  const [first = headingsOf(content)[0] ?? ""] = paragraphs;
  if (first.length <= maxSummary) return first;
  const cut = first.slice(0, maxSummary);
  const end = Math.max(cut.lastIndexOf(". "), cut.lastIndexOf("! "), cut.lastIndexOf("? "));
  if (end > maxSummary / 3) return cut.slice(0, end + 1);
  return `${cut.slice(0, Math.max(cut.lastIndexOf(" "), maxSummary / 2)).trimEnd()}…`;
}

function headingsOf(content: string): string[] {
  const headings: string[] = [];
  let fence: string | undefined;
  for (const line of content.slice(0, 200_000).split("\n")) {
    const mark = /^\s{0,3}(```|~~~)/.exec(line)?.[1];
    if (mark !== undefined) fence = fence === undefined ? mark : fence === mark ? undefined : fence;
    const title = fence === undefined ? /^\s{0,3}#{1,6}\s+(.+?)\s*#*$/.exec(line)?.[1] : undefined;
    if (title === undefined) continue;
    headings.push(oneLine(title, maxTitle));
    if (headings.length === maxChapters) break;
  }
  return headings;
}

/**
 * Reads the answer of an llm that was asked for a digest: lines `Summary: …` and `Chapter: …`. Undefined if it has no
 * summary. Its text is foreign: lengths are bounded, and control characters are left out.
 */
export function digestIn(answer: string): Digest | undefined {
  const lines = answer.slice(0, 20_000).split("\n");
  const valuesOf = (name: string, longest: number) =>
    lines.flatMap((line) => {
      const value = new RegExp(`^[\\s*-]*${name}[*]*:[*]*\\s*(.+)$`, "i").exec(line)?.[1];
      const text = value === undefined ? "" : oneLine(value, longest);
      return text === "" ? [] : [text];
    });
  const [summary] = valuesOf("summary", maxSummary);
  return summary === undefined
    ? undefined
    : { summary, chapters: valuesOf("chapter", maxTitle).slice(0, maxChapters) };
}
