import type { Time } from "../../../time.ts";

/** Whether it stands ready with all its memory taken, or asleep. */
export type Rung = "ready" | "asleep";

/** Counts for how long nobody has called. */
export interface IdleLadder {
  /** A call begins: nothing is due until the returned function is called, for however long the model says nothing. */
  enter(): () => void;
  /** It has come to a rung: what is due there is counted from now. Undefined: nothing is due. */
  at(rung: Rung | undefined): void;
  /** Somebody is about to call: counts anew. */
  touch(): void;
}

const minute = 60_000;

/** A timer for longer, which is over three weeks, would be due at once. Milliseconds. */
const longestTimer = 2 ** 31 - 1;

/** The longest that it sleeps before it is stopped, in minutes. */
const longestSleep = 60;

/**
 * After `minutes` without a call what is ready is due to sleep, or to stop where it cannot sleep. What sleeps is due to
 * stop after as long again, but after an hour at the latest: asleep it still holds its weights in the machine's own
 * memory, while it starts again within seconds, which is worth an hour of that memory and no more.
 *
 * @param minutes undefined: it never is
 */
export function idleLadder(
  minutes: number | undefined,
  time: Time,
  onIdle: (rung: Rung) => void,
): IdleLadder {
  let rung: Rung | undefined;
  let calls = 0;
  let disarm: (() => void) | undefined;

  const count = () => {
    disarm?.();
    disarm = undefined;
    if (minutes === undefined || rung === undefined || calls > 0) return;
    const wait = rung === "ready" ? minutes : Math.min(minutes, longestSleep);
    const due = rung;
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
      rung = next;
      count();
    },
    touch: count,
  };
}
