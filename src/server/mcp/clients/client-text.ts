/** The most characters of a client's name. */
const longest = 80;

/**
 * Returns a text of a client as people may see it: short, in one line, without control characters and without those that
 * turn or hide what stands beside them (T276).
 */
export function clientText(text: string): string {
  const plain = text
    .slice(0, 1000)
    .toWellFormed()
    .replace(/[\p{Cf}\p{Co}\p{Cn}]/gu, "")
    .replace(/[\p{Cc}\p{Zl}\p{Zp}\s]+/gu, " ")
    .replace(/(\p{M}{3})\p{M}+/gu, "$1")
    .normalize("NFC")
    .trim();
  const characters = [...plain];
  if (characters.length <= longest) return plain;
  return `${characters
    .slice(0, longest - 1)
    .join("")
    .trimEnd()}…`;
}
