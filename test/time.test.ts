import { describe, expect, it } from "vitest";
import {
  backoffDelay,
  orAborted,
  pause,
  reconnectSpan,
  retryAfterIn,
  retryAfterSeconds,
  systemTime,
} from "../src/time.ts";

describe("backoffDelay", () => {
  const span = { first: 500, longest: 30_000 };

  it("doubles the span with each failure, up to the longest", () => {
    const waits = [0, 1, 2, 5, 6, 7, 2000].map((failures) => backoffDelay(failures, span, () => 1));
    expect(waits).toEqual([500, 1000, 2000, 16_000, 30_000, 30_000, 30_000]);
  });

  it("goes from 0.5 to 30 s for a connection to the server that was lost", () => {
    const eight = Array.from({ length: 8 }, (_, failures) => backoffDelay(failures, reconnectSpan, () => 1));
    expect(eight).toEqual([500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
    expect(backoffDelay(0, reconnectSpan, () => 0.25)).toBe(125);
  });

  it("draws from the whole span, so that clients do not come back together", () => {
    const waits = [0, 0.25, 0.5, 0.999].map((chance) => backoffDelay(3, span, () => chance));
    expect(waits).toEqual([0, 1000, 2000, 3996]);
  });
});

describe("pause", () => {
  it("returns when the time is over, and takes its listener from the signal", async () => {
    const { signal } = new AbortController();
    const added: string[] = [];
    signal.addEventListener = (type: string) => void added.push(`+${type}`);
    signal.removeEventListener = (type: string) => void added.push(`-${type}`);
    const start = systemTime.elapsed();
    await pause(systemTime, 20, signal);
    expect(systemTime.elapsed() - start).toBeGreaterThanOrEqual(19);
    expect(added).toEqual(["+abort", "-abort"]);
  });

  it("returns as soon as the signal aborts, and without waiting when it has", async () => {
    const abort = new AbortController();
    const paused = pause(systemTime, 600_000, abort.signal);
    abort.abort();
    await paused;
    await pause(systemTime, 600_000, abort.signal);
  });

  it("prevents its timer when the signal aborts", async () => {
    const abort = new AbortController();
    let isPrevented = false;
    const prevent = () => {
      isPrevented = true;
    };
    const time = { ...systemTime, after: () => prevent };
    const paused = pause(time, 1, abort.signal);
    abort.abort();
    await paused;
    expect(isPrevented).toBe(true);
  });
});

describe("orAborted", () => {
  const gone = () => new Error("gone");

  it("returns what the promise resolves with, and throws what it rejects with", async () => {
    const { signal } = new AbortController();
    expect(await orAborted(Promise.resolve(7), signal, gone)).toBe(7);
    await expect(orAborted(Promise.reject(new Error("broken")), signal, gone)).rejects.toThrow("broken");
  });

  it("throws the given error as soon as the signal aborts, and leaves no listener", async () => {
    const abort = new AbortController();
    const listeners = new Set<unknown>();
    const { signal } = abort;
    const [add, remove] = [signal.addEventListener.bind(signal), signal.removeEventListener.bind(signal)];
    signal.addEventListener = (type: string, listener: EventListener) => {
      listeners.add(listener);
      add(type, listener);
    };
    signal.removeEventListener = (type: string, listener: EventListener) => {
      listeners.delete(listener);
      remove(type, listener);
    };
    const waiting = orAborted(new Promise(() => {}), signal, gone);
    abort.abort();
    await expect(waiting).rejects.toThrow("gone");
    expect(listeners.size).toBe(0);
    await expect(orAborted(Promise.resolve(7), signal, gone)).rejects.toThrow("gone");
  });
});

describe("a waiting time of somebody else (T104)", () => {
  it.each([
    ["5", 5],
    ["0.5", 0.5],
    ["-1", 0],
    ["3601", 3600],
    ["99999999999999999999", 3600],
    ["1e400", 3600],
    ["Thu, 01 Jan 1970 00:00:00 GMT", 0],
    ["Fri, 31 Dec 9999 23:59:59 GMT", 3600],
    ["", undefined],
    ["soon", undefined],
    ["9".repeat(101), undefined],
    [null, undefined],
  ])("in the header %j is %j seconds", (header, seconds) => {
    expect(retryAfterIn(header)).toBe(seconds);
  });

  it("is a number from 0, and one hour at most", () => {
    expect([7, 0, 1e9, Number.POSITIVE_INFINITY].map(retryAfterSeconds)).toEqual([7, 0, 3600, 3600]);
    for (const value of [-1, Number.NaN, "5", null, {}]) expect(retryAfterSeconds(value)).toBeUndefined();
  });
});
