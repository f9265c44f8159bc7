/**
 * Returns the minute of a use in RFC 3339. It is not before the object was made.
 *
 * @param used milliseconds since 1970
 * @param createdAt of the object
 */
export function minuteOf(used: number, createdAt: number): string {
  return new Date(Math.max(used - (used % 60_000), createdAt)).toISOString();
}
