import { nextTurn } from "./next-turn.ts";

/** Every escape of a JSON text; the first group is the first half of a surrogate pair, the second one its other half. */
const escapes =
  /\\(?:u([dD][89abAB][0-9a-fA-F]{2})(\\u[dD][c-fC-F][0-9a-fA-F]{2})?|u[dD][c-fC-F][0-9a-fA-F]{2}|[\s\S])/g;
const loneHalf = /^\\u[dD][c-fC-F]/;

/** The escapes that are read in one turn of the event loop: about 10 ms. */
const turnEscapes = 50_000;

/**
 * Returns JSON text whose strings are well-formed Unicode: half a surrogate pair, which clients write where they cut an
 * emoji, becomes U+FFFD, as `String.prototype.toWellFormed` has it. Many providers refuse a text with such a half. All
 * else stays; a text without such escapes is returned as it is.
 */
export function wellFormedJson(text: string): string {
  if (!mayHaveHalves(text)) return text;
  return text.replace(escapes, (found, first?: string, second?: string) =>
    isLone(found, first, second) ? "\\ufffd" : found,
  );
}

/** Does the same in several turns of the event loop, for a large text. */
export async function wellFormedJsonInTurns(text: string): Promise<string> {
  await nextTurn();
  if (!mayHaveHalves(text)) return text;
  const pattern = new RegExp(escapes);
  const parts: string[] = [];
  let from = 0;
  let pieces: string[] = [];
  let count = 0;
  for (let match = pattern.exec(text); match; match = pattern.exec(text)) {
    if (isLone(match[0], match[1], match[2])) {
      pieces.push(text.slice(from, match.index), "\\ufffd");
      from = pattern.lastIndex;
    }
    if (++count % turnEscapes > 0) continue;
    parts.push(pieces.join(""));
    pieces = [];
    await nextTurn();
  }
  await nextTurn();
  return [...parts, ...pieces, text.slice(from)].join("");
}

function mayHaveHalves(text: string): boolean {
  // Most texts have no such escape at all, and a search for one text is fast.
  return text.includes("\\u") && /\\u[dD]/.test(text);
}

function isLone(found: string, first: string | undefined, second: string | undefined): boolean {
  return first === undefined ? loneHalf.test(found) : second === undefined;
}
