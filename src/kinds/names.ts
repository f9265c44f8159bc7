/** The pattern of names. A name has no underscore, so that it cannot be taken for an id. */
export const namePattern = "^[a-z0-9]([a-z0-9-]{0,98}[a-z0-9])?$";
/** The meaning of the pattern, in words. */
export const nameRule = "lower-case letters, digits and hyphens, at most 100";
/** The schema options of a text that is a name. */
export const nameText = { pattern: namePattern, "x-message": `must be a name: ${nameRule}` };
/** The schema options of a text that is the key of a value in a secret. */
export const keyText = {
  pattern: "^[A-Za-z0-9_][A-Za-z0-9._-]{0,99}$",
  "x-message": "must have letters, digits, _, . and - only, at most 100, and begin with no . or -",
};
const name = new RegExp(namePattern);
const id = /^[a-z]{3}_[0-9a-hjkmnp-tv-z]{26}$/;

export function isName(text: string): boolean {
  return name.test(text);
}

/** An id of any kind: three letters, an underscore, 26 characters of Crockford's base32. */
export function isId(text: string): boolean {
  return id.test(text);
}

/** A longer word is no mistyped one, and to compare it takes time in the product of the lengths (T294). */
const longestWord = 100;
/** The most pairs of letters that are compared for one word: some milliseconds, however many words there are (T329). */
const mostPairs = 1_000_000;

/**
 * Returns the word that is most similar to a mistyped one; undefined if more than a third of its letters differ in all
 * words, or more than one of two letters. Two swapped neighbours count as one mistake (optimal string alignment distance).
 * Of very many words the last ones are not looked at.
 */
export function nearest(word: string, words: Iterable<string>): string | undefined {
  if (word.length > longestWord) return undefined;
  let best: string | undefined;
  let least = Math.max(Math.floor(word.length / 3), word.length === 2 ? 1 : 0) + 1;
  const lower = word.toLowerCase();
  let pairs = 0;
  for (const candidate of words) {
    if (Math.abs(candidate.length - word.length) >= least) continue;
    pairs += word.length * candidate.length;
    if (pairs > mostPairs) break;
    const d = distance(lower, candidate.toLowerCase());
    if (d < least) [best, least] = [candidate, d];
  }
  return best;
}

/** The question `did you mean "llm"?` for the nearest of some words; undefined when none is near. */
export function didYouMean(word: string, words: Iterable<string>): string | undefined {
  const near = nearest(word, words);
  return near === undefined ? undefined : `did you mean "${near}"?`;
}

function distance(a: string, b: string): number {
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      row[j] = Math.min(last[j]! + 1, row[j - 1]! + 1, last[j - 1]! + (same ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        row[j] = Math.min(row[j]!, before[j - 2]! + 1);
    }
    [before, last] = [last, row];
  }
  return last[b.length]!;
}
