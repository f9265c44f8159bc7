/** The result of one task, or its error. */
export type Settled<T, R> = { item: T } & ({ result: R } | { error: unknown });

/**
 * Runs a task for each item, some at the same time, and yields the results in the order of the items. After an error
 * that `isFatal` no further task begins; those that have begun are still yielded.
 *
 * @param most the most tasks at the same time
 */
export async function* concurrently<T, R>(
  items: readonly T[],
  most: number,
  run: (item: T) => Promise<R>,
  isFatal: (error: unknown) => boolean,
): AsyncGenerator<Settled<T, R>> {
  const running: Promise<Settled<T, R>>[] = [];
  const left = [...items];
  let isOver = false;
  const settle = async (item: T): Promise<Settled<T, R>> => {
    try {
      return { item, result: await run(item) };
    } catch (error) {
      isOver ||= isFatal(error);
      return { item, error };
    }
  };
  for (;;) {
    while (!isOver && left.length > 0 && running.length < most) running.push(settle(left.shift()!));
    const next = running.shift();
    if (!next) return;
    yield await next;
  }
}
