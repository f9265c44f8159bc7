import { AppError } from "../../errors.ts";
import { type Clocks, clockGuard } from "./clock-guard.ts";
import type { Component } from "./lifecycle.ts";
import type { Store } from "./store/types.ts";
import { dayMilliseconds, dayOf } from "./store/usage.ts";

/** The time for which records are kept, in milliseconds; for ever if not given. */
export interface Retention {
  audit?: number;
  usage?: number;
}

/** Rows that are looked at in one step. A step takes a few milliseconds, in the thread that serves calls on SQLite. */
const step = 250;
/** Steps of one run, at most: 50,000 rows. */
const mostSteps = 200;
/** Milliseconds between two steps. */
const betweenSteps = 10;
/** The shortest time for which usage is kept. Limits of a month need that month, and the one before it. */
const leastUsage = 62 * dayMilliseconds;

const units = {
  m: 60_000,
  h: 3_600_000,
  d: dayMilliseconds,
  w: 7 * dayMilliseconds,
  y: 365 * dayMilliseconds,
};

/** Parses the value of a flag, such as `90d`. Returns milliseconds. Throws AppError `usage`. */
export function parseSpan(flag: string, text: string): number {
  const [, number, unit] = /^([1-9]\d{0,5})([mhdwy])$/.exec(text) ?? [];
  if (unit) return Number(number) * units[unit as keyof typeof units];
  throw new AppError("usage", `${flag}: "${text}" is not a time`, { hint: "for example 12h, 90d or 2y" });
}

function usageSpan(text: string): number {
  const time = parseSpan("--usage-keep", text);
  if (time >= leastUsage) return time;
  throw new AppError("usage", `--usage-keep: ${text} is too short: limits of a month need 62d or more`);
}

/** Returns the times of two flags or variables, of which each may be missing or empty. */
export function keepOf(audit: string | undefined, usage: string | undefined): Retention {
  return {
    ...(audit && { audit: parseSpan("--audit-keep", audit) }),
    ...(usage && { usage: usageSpan(usage) }),
  };
}

export interface RetentionOptions extends Clocks {
  store: Pick<Store, "trimAudit" | "trimUsage" | "trimFormerNames">;
  keep: Retention;
}

/**
 * Deletes old records in small steps. After a jump of the clock it waits for an hour.
 *
 * @returns the work of one run, for a timer
 */
export function retentionComponent({
  store,
  keep,
  now,
  elapsed,
}: RetentionOptions): Component<() => Promise<void>> {
  let isClosed = false;
  let running: Promise<void> | undefined;
  const isClockRight = clockGuard({ now, elapsed });

  async function trimAudit(until: number): Promise<void> {
    let after = 0;
    for (let i = 0; i < mostSteps && !isClosed; i++) {
      const { last, isEnd } = await store.trimAudit(until, after, step);
      if (isEnd) return;
      after = last;
      await Bun.sleep(betweenSteps);
    }
  }

  async function trimUsage(until: string): Promise<void> {
    for (let i = 0; i < mostSteps && !isClosed; i++) {
      if ((await store.trimUsage(until, step)) < step) return;
      await Bun.sleep(betweenSteps);
    }
  }

  async function trimNames(before: number): Promise<void> {
    for (let i = 0; i < mostSteps && !isClosed; i++) {
      if ((await store.trimFormerNames(before, step)) < step) return;
      await Bun.sleep(betweenSteps);
    }
  }

  async function trim(): Promise<void> {
    if (!isClockRight()) return;
    const present = now();
    if (keep.audit !== undefined) await trimAudit(present - keep.audit);
    if (keep.usage !== undefined) await trimUsage(dayOf(present - keep.usage));
    // A name is needed as long as there may be an event or a day of usage with its id.
    if (keep.audit !== undefined && keep.usage !== undefined)
      await trimNames(present - Math.max(keep.audit, keep.usage) - dayMilliseconds);
  }

  return {
    name: "retention",
    start: () => () => {
      running ??= trim().finally(() => {
        running = undefined;
      });
      return running;
    },
    async close() {
      isClosed = true;
      await running?.catch(() => {});
    },
  };
}
