import type { Time } from "../../../time.ts";

/** The states that a timer can end: `ready` holds GPU memory, `asleep` holds CPU memory. */
export type IdleState = "ready" | "asleep";

/** Measures the time without calls. */
export interface IdleTimer {
  /** Begins a call. The timer stands still until the returned function is called. */
  enter(): () => void;
  /** Sets the state and starts its timer; undefined stops the timer. */
  at(state: IdleState | undefined): void;
  /** Starts the timer again, because a call is about to come. */
  touch(): void;
}

const minute = 60_000;

/** The longest timer, in milliseconds (over three weeks): a longer one would fire at once. */
const longestTimer = 2 ** 31 - 1;

/** The longest sleep before a stop, in minutes. */
const longestSleep = 60;

/**
 * Calls `onIdle` after `minutes` without a call in the state `ready`, and after as long in the state `asleep`, but after
 * an hour at most: a vLLM that sleeps still holds its weights in the memory of the CPU. It starts again within seconds,
 * which is worth that memory for an hour and no longer.
 *
 * @param minutes undefined switches the timer off
 */
export function createIdleTimer(
  minutes: number | undefined,
  time: Time,
  onIdle: (state: IdleState) => void,
): IdleTimer {
  let state: IdleState | undefined;
  let calls = 0;
  let disarm: (() => void) | undefined;

  const count = () => {
    disarm?.();
    disarm = undefined;
    if (minutes === undefined || state === undefined || calls > 0) return;
    const wait = state === "ready" ? minutes : Math.min(minutes, longestSleep);
    const due = state;
    disarm = time.after(Math.min(wait * minute, longestTimer), () => onIdle(due));
  };

  return {
    enter() {
      calls++;
      count();
      let hasLeft = false;
      return () => {
        if (hasLeft) return;
        hasLeft = true;
        calls--;
        count();
      };
    },
    at(next) {
      state = next;
      count();
    },
    touch: count,
  };
}
