import { expect, it, onTestFinished } from "vitest";
import { type Beat, Pulse } from "../../../src/server/core/pulse.ts";
import { until } from "../../support/bare-caller.ts";

function pulse(): Pulse {
  const pulse = new Pulse();
  onTestFinished(() => pulse.close());
  return pulse;
}

/** Keeps this thread busy for so many milliseconds of its processor time. */
function work(milliseconds: number): void {
  const used = () => {
    const { user, system } = process.threadCpuUsage();
    return (user + system) / 1000;
  };
  const end = used() + milliseconds;
  while (used() < end);
}

it("a pulse tells by how much its beat is late, and how much of that the thread worked", async () => {
  const beats: Beat[] = [];
  pulse().every(0, ({ delay, busy }) => void beats.push({ delay, busy }));
  await until(() => beats.length >= 2);
  work(200);
  const before = beats.length;
  await until(() => beats.length > before);
  const late = beats[before]!;
  // The work may have begun up to 80 ms before the beat was due.
  expect(late.delay).toBeGreaterThan(0.1);
  expect(late.busy).toBeGreaterThan(0.1);
  expect(late.busy).toBeLessThanOrEqual(late.delay);
});

it("a pulse beats more often while the thread works than while it rests", async () => {
  const times: number[] = [];
  pulse().every(0, () => void times.push(performance.now()));
  const gaps = () => times.slice(1).map((time, at) => time - times[at]!);
  await until(() => gaps().some((gap) => gap >= 70));
  const rested = times.length;
  // A busy machine may hold up each of them, but not all.
  await until(() => {
    work(30);
    return gaps()
      .slice(rested + 1)
      .some((gap) => gap < 60);
  });
});

it("what has an interval of its own is called no more often than that, and not after its end", async () => {
  const times: number[] = [];
  const beats: number[] = [];
  const shared = pulse();
  const stop = shared.every(200, () => void times.push(performance.now()));
  shared.every(0, () => void beats.push(performance.now()));
  await until(() => times.length >= 3);
  for (const [at, time] of times.slice(1).entries()) expect(time - times[at]!).toBeGreaterThan(195);
  expect(beats.length).toBeGreaterThan(times.length);
  stop();
  const [calls, before] = [times.length, beats.length];
  await until(() => beats.length > before + 8);
  expect(times).toHaveLength(calls);
});
