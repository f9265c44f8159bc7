/** Turns of the event loop between two pieces of long work: a small request, which takes several turns, meets few of them. */
const restingTurns = 3;

/** The work that waits for a turn, in the order in which it came. */
const waiting: (() => void)[] = [];
/** True from the first piece of work until the turns after the last one are over. */
let isBusy = false;

/**
 * Returns in a later turn of the event loop, so that long work lets other requests go in between. A turn has one piece of
 * such work, and those after it have none: several large requests at the same time take more turns, not longer ones.
 */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    waiting.push(resolve);
    if (isBusy) return;
    isBusy = true;
    setImmediate(takeTurn);
  });
}

function takeTurn(): void {
  const work = waiting.shift();
  if (!work) {
    isBusy = false;
    return;
  }
  work();
  setImmediate(rest, restingTurns);
}

function rest(turns: number): void {
  setImmediate(turns > 1 ? rest : takeTurn, turns - 1);
}

/** The time in one turn of the event loop that many small pieces of work have together. */
export class TurnShare {
  readonly #milliseconds: number;
  #end: number | undefined;

  constructor(milliseconds: number) {
    this.#milliseconds = milliseconds;
  }

  /** True if the next piece of work is one for a later turn. The time runs from the first question in a turn. */
  get isOver(): boolean {
    if (this.#end !== undefined) return performance.now() >= this.#end;
    this.renew();
    return false;
  }

  /** Begins the time anew, for work that has waited for its turn. */
  renew(): void {
    if (this.#end === undefined)
      setImmediate(() => {
        this.#end = undefined;
      });
    this.#end = performance.now() + this.#milliseconds;
  }
}

/** Pieces of waiting work that may be begun in one turn of the event loop, if there is time. */
const takersInTurn = 16;

/**
 * Short pieces of work that may come in large numbers in one turn, such as requests of hundreds of connections. Those for
 * which the share of a turn has no time wait for the next one, in the order in which they came.
 */
export class TurnQueue {
  readonly #share: TurnShare;
  readonly #waiting: (() => void)[] = [];
  #takers = 0;

  constructor(share: TurnShare) {
    this.#share = share;
  }

  /** True if a piece of work can be done at once. */
  get isFree(): boolean {
    return this.#waiting.length === 0 && !this.#share.isOver;
  }

  /** Does a piece of work in a later turn, or later in this one. */
  add(work: () => void): void {
    this.#waiting.push(work);
    this.#schedule();
  }

  /** Each piece of work has an immediate of its own, so that its promises go on before the next piece begins. */
  #schedule(): void {
    for (; this.#takers < Math.min(takersInTurn, this.#waiting.length); this.#takers++)
      setImmediate(() => {
        this.#takers--;
        const work = this.#share.isOver ? undefined : this.#waiting.shift();
        this.#schedule();
        work?.();
      });
  }
}

/**
 * The pace of long work in many small steps, of which none waits for anything outside the program: what an `await` of a
 * database in a file returns to is still the same turn of the event loop.
 */
export class TurnPace {
  readonly #milliseconds: number;
  #end: number;

  constructor(milliseconds = 8) {
    this.#milliseconds = milliseconds;
    this.#end = performance.now() + milliseconds;
  }

  /** Returns undefined if the next step may follow at once; otherwise a promise for its turn. */
  pause(): Promise<void> | undefined {
    if (performance.now() < this.#end) return undefined;
    return nextTurn().then(() => {
      this.#end = performance.now() + this.#milliseconds;
    });
  }
}

/** Steps between two looks at the clock. */
const stepsPerLook = 32;

/** Does something with each item, in several turns of the event loop where it takes long. */
export async function eachInTurns<T>(
  items: Iterable<T>,
  step: (item: T) => void,
  pace = new TurnPace(),
  perLook = stepsPerLook,
): Promise<void> {
  let steps = 0;
  for (const item of items) {
    const pause = ++steps % perLook === 0 ? pace.pause() : undefined;
    if (pause) await pause;
    step(item);
  }
}

/** Items that are sorted at once. */
const sortedAtOnce = 2000;

/** Returns items sorted, in several turns of the event loop where they are many. Equal ones keep their order. */
export async function sortedInTurns<T>(items: readonly T[], compare: (a: T, b: T) => number): Promise<T[]> {
  const pace = new TurnPace();
  let runs: T[][] = [];
  const starts = Array.from({ length: Math.ceil(items.length / sortedAtOnce) }, (_, n) => n * sortedAtOnce);
  await eachInTurns(starts, (at) => runs.push(items.slice(at, at + sortedAtOnce).sort(compare)), pace, 1);
  while (runs.length > 1) {
    const merged: T[][] = [];
    for (let at = 0; at < runs.length; at += 2) {
      const [one = [], two = []] = runs.slice(at, at + 2);
      const all: T[] = [];
      let taken = 0;
      await eachInTurns(
        one,
        (item) => {
          while (taken < two.length && compare(two[taken]!, item) < 0) all.push(two[taken++]!);
          all.push(item);
        },
        pace,
      );
      merged.push(all.concat(two.slice(taken)));
    }
    runs = merged;
  }
  return runs[0] ?? [];
}

/** A text or body of more characters or bytes is handled in several turns of the event loop. */
export const largeText = 1024 * 1024;
