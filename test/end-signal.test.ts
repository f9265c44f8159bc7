import { expect, it } from "vitest";
import { nativeSignal, WorkEnd } from "../src/end-signal.ts";

it("an end calls each listener once, but those that were taken back, and none that comes later", () => {
  const end = new WorkEnd();
  const called: string[] = [];
  const left = () => called.push("left");
  end.addEventListener("abort", () => called.push("first"));
  end.addEventListener("abort", left);
  end.addEventListener("abort", () => called.push("last"));
  end.removeEventListener("abort", left);
  expect(end.aborted).toBe(false);
  end.abort();
  end.abort();
  end.addEventListener("abort", () => called.push("late"));
  expect(end.aborted).toBe(true);
  expect(called).toEqual(["first", "last"]);
});

it("a native signal aborts with the first of several, also with one that has aborted before", () => {
  const end = new WorkEnd();
  const other = new AbortController();
  const signal = nativeSignal(end, other.signal);
  expect(signal.aborted).toBe(false);
  end.abort();
  expect(signal.aborted).toBe(true);
  expect(nativeSignal(other.signal, end).aborted).toBe(true);
});
