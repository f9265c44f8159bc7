/** Milliseconds in which one text is noted once. */
const interval = 60_000;
/** Texts that are remembered, at most. */
const mostTexts = 100;

/**
 * Returns a function that passes texts on, each at most once a minute: a database that fails may do so in every call.
 *
 * @param elapsed a monotonic clock, in milliseconds
 */
export function failureNotes(
  onWarning: (text: string) => void,
  elapsed: () => number = performance.now.bind(performance),
): (text: string) => void {
  const notedAt = new Map<string, number>();
  return (text) => {
    const now = elapsed();
    if (now - (notedAt.get(text) ?? Number.NEGATIVE_INFINITY) < interval) return;
    notedAt.delete(text);
    notedAt.set(text, now);
    if (notedAt.size > mostTexts) notedAt.delete(notedAt.keys().next().value!);
    onWarning(text);
  };
}
