import fc from "fast-check";
import { expect, it } from "vitest";
import { MinuteMeter } from "../../../src/server/core/minute-meter.ts";

it("returns at least the use of the last 60 seconds, and at most that of the last 61", () => {
  const events = fc.array(fc.record({ after: fc.integer({ min: 0, max: 40_000 }), amount: fc.nat(1000) }), {
    maxLength: 60,
  });
  fc.assert(
    fc.property(events, (events) => {
      const meter = new MinuteMeter();
      let time = 0;
      const used: { time: number; amount: number }[] = [];
      for (const { after, amount } of events) {
        time += after;
        meter.add(amount, time);
        used.push({ time, amount });
        const within = (milliseconds: number) =>
          used.filter((one) => one.time > time - milliseconds).reduce((sum, one) => sum + one.amount, 0);
        expect(meter.sum(time)).toBeGreaterThanOrEqual(within(60_000));
        expect(meter.sum(time)).toBeLessThanOrEqual(within(61_001));
      }
    }),
  );
});

it("returns the time until there is room", () => {
  const meter = new MinuteMeter();
  meter.add(10, 0);
  meter.add(5, 30_000);
  expect(meter.timeUntil(15, 30_000)).toBe(0);
  for (const [amount, wait] of [
    [14, 31_000],
    [5, 31_000],
    [4, 61_000],
    [0, 61_000],
  ] as const) {
    expect(meter.timeUntil(amount, 30_000)).toBe(wait);
    const later = new MinuteMeter();
    later.add(10, 0);
    later.add(5, 30_000);
    expect(later.sum(30_000 + wait)).toBeLessThanOrEqual(amount);
    expect(later.sum(30_000 + wait - 1)).toBeGreaterThanOrEqual(0);
  }
});
