/**
 * True for a text that every database stores, and that can be an argument or a variable of a program: without U+0000 and
 * half a surrogate pair.
 */
export function isStorable(text: string): boolean {
  return !text.includes("\0") && text.isWellFormed();
}

/** Yields JSON pointers of the texts and keys in a value that are not storable, at any depth. */
export function* unstorableTexts(value: unknown, path = ""): Generator<string> {
  if (typeof value === "string") {
    if (!isStorable(value)) yield path;
  } else if (typeof value === "object" && value !== null)
    for (const [key, inner] of Object.entries(value)) {
      const here = `${path}/${key.replaceAll("~", "~0").replaceAll("/", "~1")}`;
      if (!isStorable(key)) yield here.toWellFormed();
      yield* unstorableTexts(inner, here);
    }
}

/** The fault of such a text. */
export const unstorable = "must not have U+0000 (NUL) or half a surrogate pair";
