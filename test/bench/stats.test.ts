import { expect, it } from "vitest";
import { secondsOf } from "../../bench/processes.ts";
import { median, Samples, thirdsOf } from "../../bench/stats.ts";

it("takes the median of a few rounds", () => {
  expect(median([9, 1, 5])).toBe(5);
  expect(median([4, 1, 2, 9])).toBe(3);
  expect(median([])).toBeNaN();
  expect(median([Number.NaN, 9, 1])).toBe(9);
  expect(median([1, Number.NaN, Number.NaN])).toBeNaN();
});

it("compares the memory of the first third with the last, without the warm-up where the run is long enough", () => {
  const warming = [50, 60, 70];
  expect(thirdsOf([...warming, 99, 100, 100, 100, 101, 102], 3)).toEqual({ first: 99.5, last: 101.5 });
  expect(thirdsOf([...warming, 100, 100, 100, 160, 170, 180], 3)).toEqual({ first: 100, last: 175 });
  expect(thirdsOf([1, 2, 3, 4, 5, 6], 3)).toEqual({ first: 1.5, last: 5.5 });
});

it("reads percentiles by nearest rank, whatever the order", () => {
  const samples = new Samples();
  for (let value = 1000; value >= 1; value--) samples.add(value);
  expect(samples.latency()).toEqual({ p50: 500, p99: 990, p999: 999, max: 1000 });
});

it("keeps no more samples than it has room for", () => {
  const samples = new Samples(2);
  for (const value of [1, 2, 3]) samples.add(value);
  expect(samples.latency().max).toBe(2);
});

it("returns NaN for no samples", () => {
  expect(new Samples().latency().p99).toBeNaN();
});

it.each([
  ["0:01.25", 1.25],
  ["12:03", 723],
  ["1:02:03", 3723],
  ["2-01:00:00", 176_400],
])("reads the processor time %s of ps as %d seconds", (text, seconds) => {
  expect(secondsOf(text)).toBe(seconds);
});
