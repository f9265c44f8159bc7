/** Every escape of a JSON text; the first group is the first half of a surrogate pair, the second one its other half. */
const escapes =
  /\\(?:u([dD][89abAB][0-9a-fA-F]{2})(\\u[dD][c-fC-F][0-9a-fA-F]{2})?|u[dD][c-fC-F][0-9a-fA-F]{2}|[\s\S])/g;
const loneHalf = /^\\u[dD][c-fC-F]/;

/**
 * Returns JSON text whose strings are well-formed Unicode: half a surrogate pair, which clients write where they cut an
 * emoji, becomes U+FFFD, as `String.prototype.toWellFormed` has it. Many providers refuse a text with such a half. All
 * else stays; a text without such escapes is returned as it is.
 */
export function wellFormedJson(text: string): string {
  if (!text.includes("\\ud") && !text.includes("\\uD")) return text;
  return text.replace(escapes, (found, first?: string, second?: string) => {
    const isLone = first === undefined ? loneHalf.test(found) : second === undefined;
    return isLone ? "\\ufffd" : found;
  });
}
