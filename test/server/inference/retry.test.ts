import { describe, expect, it } from "vitest";
import { AppError } from "../../../src/errors.ts";
import { type FailureKind, HttpFailure } from "../../../src/net/http1/http-failure.ts";
import { transportFailure } from "../../../src/server/inference/failure.ts";
import { type Again, type Failed, judge, nextAttempt } from "../../../src/server/inference/retry.ts";

describe("a failed try", () => {
  it.each<[number, Again, boolean]>([
    [408, "here", false],
    [429, "here", false],
    [500, "here", false],
    [502, "here", false],
    [503, "here", false],
    [529, "here", false],
    [401, "elsewhere", false],
    [402, "elsewhere", false],
    [403, "elsewhere", false],
    [302, "elsewhere", false],
    [400, "never", true],
    [404, "never", true],
    [413, "never", true],
    [422, "never", true],
    [501, "never", true],
  ])("with status %i may be tried again %s", (status, again, isWell) => {
    expect(judge(new AppError("provider_error", "x", { status }), status)).toEqual({ again, isWell });
  });

  it("in which nobody answered the door may be tried again here, and says enough by itself", () => {
    const failure = new HttpFailure("connect", "x");
    const judgement = { again: "here", isWell: false, cannotConnect: true };
    expect(judge(failure, undefined)).toEqual(judgement);
    expect(judge(transportFailure(failure), undefined)).toEqual(judgement);
  });

  it.each<[FailureKind, answered: number | undefined, Again, boolean | undefined]>([
    ["closed", undefined, "here", false],
    ["closed", 200, "elsewhere", false],
    ["timeout", undefined, "late", false],
    ["timeout", 200, "late", false],
    ["malformed", undefined, "elsewhere", false],
    ["malformed", 200, "elsewhere", false],
    ["too-large", 200, "elsewhere", false],
    ["refused", undefined, "elsewhere", false],
    ["cancelled", undefined, "never", undefined],
    ["cancelled", 200, "never", undefined],
  ])("of kind %s, answered %s, may be tried again %s", (kind, answered, again, isWell) => {
    const failure = new HttpFailure(kind, "x");
    expect(judge(failure, answered)).toEqual({ again, isWell });
    // A stream tells it in the words for the caller.
    expect(judge(transportFailure(failure), answered)).toEqual({ again, isWell });
  });

  it("of our own says nothing of the provider", () => {
    const own = (code: AppError["code"], answered?: number) => judge(new AppError(code, "x"), answered);
    expect(own("secret_unavailable")).toEqual({ again: "elsewhere", isWell: undefined });
    expect(own("too_many_requests")).toEqual({ again: "elsewhere", isWell: undefined });
    expect(own("invalid_request")).toEqual({ again: "elsewhere", isWell: undefined });
    expect(own("unauthenticated")).toEqual({ again: "never", isWell: undefined });
    // Behind the head these are the server's own: it stops, or its disk is full.
    expect(own("unavailable", 200)).toEqual({ again: "never", isWell: undefined });
    expect(own("storage_full", 200)).toEqual({ again: "never", isWell: undefined });
    expect(judge(new TypeError("x"), undefined)).toEqual({ again: "never", isWell: undefined });
  });
});

const half = () => 0.5;
const failed = (member: number, again: Again = "here", more: Partial<Failed> = {}): Failed => ({
  member,
  again,
  at: 0,
  ...more,
});

/** Who is asked, and after how long, when all fail the same way at once. */
function course(candidates: number, again: Again, random = half, retryAfter?: number) {
  const history: Failed[] = [failed(0, again, { retryAfter })];
  const asked: [number, number][] = [];
  for (let at = 0; ; ) {
    const next = nextAttempt(candidates, history, 0, random);
    if (!next) return asked;
    asked.push([next.member, next.wait]);
    at += next.wait;
    history.push({ member: next.member, again, at, retryAfter });
  }
}

describe("the course of a call", () => {
  it("alone: three tries, up to 200 ms and then 400 ms apart", () => {
    expect(course(1, "here")).toEqual([
      [0, 100],
      [0, 200],
    ]);
    expect(course(1, "here", () => 0)).toEqual([
      [0, 0],
      [0, 0],
    ]);
    expect(course(1, "here", () => 0.999)[1]![1]).toBeCloseTo(399.6);
  });

  it("in a pool: each at once, then each a second time, further and further apart", () => {
    expect(course(3, "here")).toEqual([
      [1, 0],
      [2, 0],
      [0, 100],
      [1, 200],
      [2, 400],
    ]);
  });

  it.each([1, 2])("of %i ends at what is nobody's turn to try again", (candidates) => {
    expect(course(candidates, "never")).toEqual([]);
  });

  it("goes elsewhere and not back, where only that makes sense", () => {
    expect(course(1, "elsewhere")).toEqual([]);
    expect(course(3, "elsewhere")).toEqual([
      [1, 0],
      [2, 0],
    ]);
  });

  it("goes elsewhere once after a time-out", () => {
    expect(course(1, "late")).toEqual([]);
    expect(course(3, "late")).toEqual([[1, 0]]);
  });

  it("passes over those that cannot be asked a second time", () => {
    const history = [failed(0, "elsewhere"), failed(1, "here")];
    expect(nextAttempt(2, history, 0, half)).toEqual({ member: 1, wait: 100 });
  });

  it("keeps to retry-after: the soonest first, and not at all where it does not fit into 20 s", () => {
    expect(course(1, "here", half, 3)).toEqual([
      [0, 3000],
      [0, 3000],
    ]);
    expect(course(1, "here", half, 12)).toEqual([[0, 12_000]]);
    expect(course(1, "here", half, 21)).toEqual([]);
    expect(course(1, "here", half, 0)).toEqual(course(1, "here"));
    const history = [failed(0, "here", { retryAfter: 5 }), failed(1, "here", { retryAfter: 2 })];
    expect(nextAttempt(2, history, 0, half)).toEqual({ member: 1, wait: 2000 });
  });

  it("has 20 s for second tries, and one more first try after that", () => {
    expect(nextAttempt(1, [failed(0, "here", { at: 19_800 })], 0, half)).toEqual({ member: 0, wait: 100 });
    expect(nextAttempt(1, [failed(0, "here", { at: 19_950 })], 0, half)).toBeUndefined();
    const slow = failed(0, "here", { at: 25_000 });
    expect(nextAttempt(3, [slow], 0, half)).toEqual({ member: 1, wait: 0 });
    expect(nextAttempt(3, [slow, failed(1, "here", { at: 26_000 })], 0, half)).toBeUndefined();
  });
});
