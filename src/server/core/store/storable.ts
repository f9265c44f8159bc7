import { AppError } from "../../../errors.ts";

/**
 * Postgres takes neither U+0000 nor half a surrogate pair, so neither is stored in SQLite. Throws
 * `invalid_request` when any text in `value`, keys included, has one.
 */
export function assertStorable(value: unknown): void {
  if (typeof value === "string") {
    if (value.includes("\0") || !value.isWellFormed())
      throw new AppError("invalid_request", "Text with U+0000 or half a surrogate pair cannot be stored");
  } else if (typeof value === "object" && value !== null) {
    for (const [key, inner] of Object.entries(value)) {
      assertStorable(key);
      assertStorable(inner);
    }
  }
}

/** The same text with U+FFFD in place of what cannot be stored: an audit event is never refused. */
export function storable(text: string): string {
  return (text.includes("\0") ? text.replaceAll("\0", "\uFFFD") : text).toWellFormed();
}
