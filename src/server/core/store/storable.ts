import { AppError } from "../../../errors.ts";
import { isStorable } from "../../../kinds/storable-text.ts";

/**
 * Throws `invalid_request` if any text in a value, keys included, has U+0000 or half a surrogate pair. PostgreSQL cannot
 * store these, so SQLite does not store them either.
 */
export function assertStorable(value: unknown): void {
  if (typeof value === "string") {
    if (!isStorable(value))
      throw new AppError("invalid_request", "Text with U+0000 or half a surrogate pair cannot be stored");
  } else if (typeof value === "object" && value !== null) {
    for (const [key, inner] of Object.entries(value)) {
      assertStorable(key);
      assertStorable(inner);
    }
  }
}

/** Returns a text with U+FFFD in place of what cannot be stored, for audit events, which are never refused. */
export function storable(text: string): string {
  return (text.includes("\0") ? text.replaceAll("\0", "\uFFFD") : text).toWellFormed();
}
