import { expect, it } from "vitest";
import { keepOf, retentionComponent } from "../../../src/server/core/retention.ts";

const day = 24 * 60 * 60 * 1000;

/** Starts a retention over a store that records what it is asked to delete. */
async function startRetention(stretches: number) {
  const clock = { now: Date.parse("2026-11-21T12:00:00Z"), elapsed: 0 };
  const asked: unknown[] = [];
  const component = retentionComponent({
    keep: keepOf("90d", "62d"),
    now: () => clock.now,
    elapsed: () => clock.elapsed,
    store: {
      async trimAudit(before, after, most) {
        asked.push({ before: (clock.now - before) / day, after });
        return { last: after + most, isEnd: asked.length >= stretches };
      },
      async trimUsage(until) {
        asked.push(until);
        return 0;
      },
      async trimFormerNames(before, most) {
        asked.push({ names: (clock.now - before) / day });
        return asked.length > 20 ? most : 0;
      },
    },
  });
  const run = await component.start();
  const pass = (milliseconds: number) => {
    clock.now += milliseconds;
    clock.elapsed += milliseconds;
  };
  return { clock, asked, run, pass, close: () => component.close!(run) };
}

it("deletes what is older than the times of the flags, one step after the other (failure mode 101)", async () => {
  const { asked, run } = await startRetention(3);
  await run();
  expect(asked).toEqual([
    { before: 90, after: 0 },
    { before: 90, after: 250 },
    { before: 90, after: 500 },
    "2026-09-20",
    // As long as the longer of both times.
    { names: 91 },
  ]);
});

it.each([
  ["forward by a year", 365 * day],
  ["back by a day", -day],
])("deletes nothing for an hour after the clock was set %s (T91)", async (_how, jump) => {
  const { clock, asked, run, pass } = await startRetention(1);
  clock.now += jump;
  await run();
  pass(59 * 60_000);
  await run();
  expect(asked).toEqual([]);
  pass(2 * 60_000);
  await run();
  expect(asked).toHaveLength(3);
});

it("ends in the middle of a run when the server stops", async () => {
  const { asked, run, close } = await startRetention(Number.POSITIVE_INFINITY);
  const running = run();
  await close();
  await running;
  expect(asked.length).toBeLessThan(10);
});

it("keeps everything without flags, and refuses times that it cannot keep", () => {
  expect(keepOf(undefined, "")).toEqual({});
  expect(keepOf("12h", "2y")).toEqual({ audit: day / 2, usage: 730 * day });
  for (const text of ["0d", "90", "-1d", "1.5d", "90 d", "d", "forever"])
    expect(() => keepOf(text, undefined)).toThrow(`--audit-keep: "${text}" is not a time`);
  expect(() => keepOf(undefined, "31d")).toThrow("limits of a month need 62d or more");
});
