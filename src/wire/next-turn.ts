/** The work that waits for a turn, in the order in which it came. */
const waiting: (() => void)[] = [];

/**
 * Returns in a later turn of the event loop, so that long work lets other requests go in between. Each turn has one piece
 * of such work: several large requests at the same time take more turns, not longer ones.
 */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    waiting.push(resolve);
    if (waiting.length === 1) setImmediate(takeTurn);
  });
}

function takeTurn(): void {
  waiting.shift()!();
  if (waiting.length > 0) setImmediate(takeTurn);
}

/** A text or body of more characters or bytes is handled in several turns of the event loop. */
export const largeText = 1024 * 1024;
