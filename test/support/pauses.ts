/**
 * Returns a function that waits before a condition is looked at again: at first briefly, then an eighth of the time that
 * has gone by. Looks cost processor time, of which a slow machine has least.
 */
export function pauses(first = 5, longest = 250): () => Promise<void> {
  const begin = performance.now();
  return () => Bun.sleep(Math.min(longest, Math.max(first, (performance.now() - begin) / 8)));
}
