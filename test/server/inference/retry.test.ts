import { describe, expect, it } from "vitest";
import { AppError } from "../../../src/errors.ts";
import { connectTimeout, type FailureKind, HttpFailure } from "../../../src/net/http1/http-failure.ts";
import { transportFailure } from "../../../src/server/inference/failure.ts";
import {
  classifyFailure,
  type FailedAttempt,
  nextAttempt,
  type Retry,
} from "../../../src/server/inference/retry.ts";

describe("classifyFailure", () => {
  it.each<[number, Retry, boolean | undefined]>([
    [408, "here", false],
    [429, "here", false],
    [500, "here", false],
    [502, "here", false],
    [503, "here", false],
    [529, "here", false],
    [401, "elsewhere", false],
    [402, "elsewhere", false],
    [403, "elsewhere", undefined],
    [404, "elsewhere", undefined],
    [501, "elsewhere", undefined],
    [302, "elsewhere", false],
    [400, "never", true],
    [413, "never", true],
    [422, "never", true],
  ])("of status %i: the attempt may be repeated %s", (status, retry, isHealthy) => {
    expect(classifyFailure(new AppError("provider_error", "x", { status }), status)).toEqual({
      retry,
      isHealthy,
    });
  });

  it("of a refused connection: the attempt may be repeated, and one is enough for a cool-down", () => {
    const failure = new HttpFailure("connect", "x");
    const refused = { retry: "here", isHealthy: false, cannotConnect: true };
    expect(classifyFailure(failure, undefined)).toEqual(refused);
    expect(classifyFailure(transportFailure(failure), undefined)).toEqual(refused);
  });

  it("of a connection that does not open in time: only another llm is called, and one is enough (failure mode 217)", () => {
    const silent = { retry: "elsewhere", isHealthy: false, cannotConnect: true };
    expect(classifyFailure(connectTimeout(), undefined)).toEqual(silent);
    expect(classifyFailure(transportFailure(connectTimeout()), undefined)).toEqual(silent);
  });

  it.each<[FailureKind, status: number | undefined, Retry, boolean | undefined]>([
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
  ])(
    "of transport failure %s with status %s: the attempt may be repeated %s",
    (kind, status, retry, isHealthy) => {
      const failure = new HttpFailure(kind, "x");
      expect(classifyFailure(failure, status)).toEqual({ retry, isHealthy });
      // A stream throws it as the error for the caller.
      expect(classifyFailure(transportFailure(failure), status)).toEqual({ retry, isHealthy });
    },
  );

  it("of an error of the server itself shows nothing about the provider", () => {
    const own = (code: AppError["code"], status?: number) => classifyFailure(new AppError(code, "x"), status);
    expect(own("secret_unavailable")).toEqual({ retry: "elsewhere", isHealthy: undefined });
    expect(own("too_many_requests")).toEqual({ retry: "elsewhere", isHealthy: undefined });
    expect(own("invalid_request")).toEqual({ retry: "elsewhere", isHealthy: undefined });
    expect(own("unauthenticated")).toEqual({ retry: "never", isHealthy: undefined });
    // After the head of the response, the server stops or its disk is full.
    expect(own("unavailable", 200)).toEqual({ retry: "never", isHealthy: undefined });
    expect(own("storage_full", 200)).toEqual({ retry: "never", isHealthy: undefined });
    expect(classifyFailure(new TypeError("x"), undefined)).toEqual({ retry: "never", isHealthy: undefined });
  });
});

const half = () => 0.5;
const failed = (member: number, retry: Retry = "here", more: Partial<FailedAttempt> = {}): FailedAttempt => ({
  member,
  retry,
  at: 0,
  ...more,
});

/** The attempts after the first one, each with its wait, if all fail at once in the same way. */
function attemptsOf(candidates: number, retry: Retry, random = half, retryAfter?: number) {
  const history: FailedAttempt[] = [failed(0, retry, { retryAfter })];
  const attempts: [number, number][] = [];
  for (let at = 0; ; ) {
    const next = nextAttempt(candidates, history, 0, random);
    if (!next) return attempts;
    attempts.push([next.member, next.wait]);
    at += next.wait;
    history.push({ member: next.member, retry, at, retryAfter });
  }
}

describe("nextAttempt", () => {
  it("makes three attempts at a single llm, with waits of up to 200 ms and 400 ms", () => {
    expect(attemptsOf(1, "here")).toEqual([
      [0, 100],
      [0, 200],
    ]);
    expect(attemptsOf(1, "here", () => 0)).toEqual([
      [0, 0],
      [0, 0],
    ]);
    expect(attemptsOf(1, "here", () => 0.999)[1]![1]).toBeCloseTo(399.6);
  });

  it("tries each member of a pool at once, then each a second time with growing waits", () => {
    expect(attemptsOf(3, "here")).toEqual([
      [1, 0],
      [2, 0],
      [0, 100],
      [1, 200],
      [2, 400],
    ]);
  });

  it.each([1, 2])("ends for %i llms at a failure that does not allow a retry", (candidates) => {
    expect(attemptsOf(candidates, "never")).toEqual([]);
  });

  it("tries each other member once after failures of one llm only", () => {
    expect(attemptsOf(1, "elsewhere")).toEqual([]);
    expect(attemptsOf(3, "elsewhere")).toEqual([
      [1, 0],
      [2, 0],
    ]);
  });

  it("tries one other member after a timeout", () => {
    expect(attemptsOf(1, "late")).toEqual([]);
    expect(attemptsOf(3, "late")).toEqual([[1, 0]]);
  });

  it("skips members that may not be tried a second time", () => {
    const history = [failed(0, "elsewhere"), failed(1, "here")];
    expect(nextAttempt(2, history, 0, half)).toEqual({ member: 1, wait: 100 });
  });

  it("waits for retry-after, the shortest first, and ends if it does not fit into 20 s", () => {
    expect(attemptsOf(1, "here", half, 3)).toEqual([
      [0, 3000],
      [0, 3000],
    ]);
    expect(attemptsOf(1, "here", half, 12)).toEqual([[0, 12_000]]);
    expect(attemptsOf(1, "here", half, 21)).toEqual([]);
    expect(attemptsOf(1, "here", half, 0)).toEqual(attemptsOf(1, "here"));
    const history = [failed(0, "here", { retryAfter: 5 }), failed(1, "here", { retryAfter: 2 })];
    expect(nextAttempt(2, history, 0, half)).toEqual({ member: 1, wait: 2000 });
  });

  it("makes second attempts within 20 s, and one more first attempt after that", () => {
    expect(nextAttempt(1, [failed(0, "here", { at: 19_800 })], 0, half)).toEqual({ member: 0, wait: 100 });
    expect(nextAttempt(1, [failed(0, "here", { at: 19_950 })], 0, half)).toBeUndefined();
    const slow = failed(0, "here", { at: 25_000 });
    expect(nextAttempt(3, [slow], 0, half)).toEqual({ member: 1, wait: 0 });
    expect(nextAttempt(3, [slow, failed(1, "here", { at: 26_000 })], 0, half)).toBeUndefined();
  });
});
