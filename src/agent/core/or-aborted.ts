/**
 * Waits for a promise, or until the signal aborts.
 *
 * @param error makes the error that is thrown on abort
 */
export async function orAborted<T>(promise: Promise<T>, signal: AbortSignal, error: () => Error): Promise<T> {
  if (signal.aborted) throw error();
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = () => reject(error());
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
