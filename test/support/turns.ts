/** Counts the turns of the event loop until a promise is resolved. */
export async function turnsOf<T>(promise: Promise<T>): Promise<{ value: T; turns: number }> {
  let turns = 0;
  let isOver = false;
  const count = () => {
    turns++;
    if (!isOver) setImmediate(count);
  };
  setImmediate(count);
  const value = await promise;
  isOver = true;
  return { value, turns };
}

/** Takes so many milliseconds in one turn. */
export function spin(milliseconds: number): void {
  const end = performance.now() + milliseconds;
  while (performance.now() < end);
}
