import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { Lifecycle } from "../../../src/server/core/lifecycle.ts";
import { timer } from "../../../src/server/core/timer.ts";

beforeEach(() => void vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] }));
afterEach(() => void vi.useRealTimers());

it("a timer runs at intervals, also after a run that failed, until the server stops", async () => {
  const errors: unknown[] = [];
  const failure = new Error("once");
  let runs = 0;
  const lifecycle = new Lifecycle((error) => errors.push(error));
  const run = async () => {
    if (++runs === 1) throw failure;
  };
  await lifecycle.start(timer({ name: "t", every: 1000, run, onError: (error) => errors.push(error) }));
  await vi.advanceTimersByTimeAsync(999);
  expect(runs).toBe(0);
  await vi.advanceTimersByTimeAsync(2001);
  expect(runs).toBe(3);
  expect(errors).toEqual([failure]);
  await lifecycle.stop(0);
  await vi.advanceTimersByTimeAsync(5000);
  expect(runs).toBe(3);
});

it("a timer begins no run before the last has ended, so that a slow database is not asked more and more (failure mode 304)", async () => {
  const runs: PromiseWithResolvers<void>[] = [];
  const lifecycle = new Lifecycle(() => {});
  const run = () => {
    const one = Promise.withResolvers<void>();
    runs.push(one);
    return one.promise;
  };
  await lifecycle.start(timer({ name: "t", every: 1000, run, onError: () => {} }));
  await vi.advanceTimersByTimeAsync(10_000);
  expect(runs).toHaveLength(1);
  runs[0]!.reject(new Error("slow"));
  await vi.advanceTimersByTimeAsync(1000);
  expect(runs).toHaveLength(2);
  await lifecycle.stop(0);
});

it("a timer with atStart has its first run at the start", async () => {
  let runs = 0;
  const lifecycle = new Lifecycle(() => {});
  const run = async () => void runs++;
  await lifecycle.start(timer({ name: "t", every: 1000, atStart: true, run, onError: () => {} }));
  expect(runs).toBe(1);
  await vi.advanceTimersByTimeAsync(1000);
  expect(runs).toBe(2);
  await lifecycle.stop(0);
});

it("a timer stops when a later component fails to start", async () => {
  let runs = 0;
  const lifecycle = new Lifecycle(() => {});
  const run = async () => void runs++;
  await lifecycle.start(timer({ name: "t", every: 1000, run, onError: () => {} }));
  const failing = { name: "failing", start: () => Promise.reject(new Error("no")) };
  await expect(lifecycle.start(failing)).rejects.toThrow("no");
  await vi.advanceTimersByTimeAsync(5000);
  expect(runs).toBe(0);
});
