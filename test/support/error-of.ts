/**
 * Returns the error that a call fails with.
 *
 * @param call a promise, or a function that throws or returns a promise
 * @throws when it does not fail
 */
export async function errorOf(
  call: Promise<unknown> | (() => unknown),
): Promise<Error & Record<string, unknown>> {
  try {
    await (typeof call === "function" ? call() : call);
  } catch (error) {
    return error as Error & Record<string, unknown>;
  }
  throw new Error("it did not fail");
}
