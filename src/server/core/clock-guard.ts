/** Milliseconds by which the clock may differ from the monotonic one between two looks. */
const tolerance = 5 * 60_000;
/** Milliseconds without deleting after the clock was set. */
const holdAfterJump = 60 * 60_000;

export interface Clocks {
  /** Milliseconds since 1970. */
  now(): number;
  /** A monotonic clock, in milliseconds. */
  elapsed(): number;
}

/**
 * Watches the clock for what deletes or ends things by their age. A clock that is wrong by a year must not delete anything
 * before somebody sets it right (failure modes 101, 252).
 *
 * @returns false for an hour after a jump of the clock. To be called at intervals
 */
export function clockGuard({ now, elapsed }: Clocks): () => boolean {
  let before = { now: now(), elapsed: elapsed() };
  let heldUntil = Number.NEGATIVE_INFINITY;
  return () => {
    const present = { now: now(), elapsed: elapsed() };
    const jump = present.now - before.now - (present.elapsed - before.elapsed);
    before = present;
    if (Math.abs(jump) > tolerance) heldUntil = present.elapsed + holdAfterJump;
    return present.elapsed >= heldUntil;
  };
}
