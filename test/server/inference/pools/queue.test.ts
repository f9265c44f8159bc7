import { describe, expect, it } from "vitest";
import { Deadlines } from "../../../../src/server/core/deadlines.ts";
import { CallQueue, type QueueLimits } from "../../../../src/server/inference/pools/queue.ts";

const never = new AbortController().signal;

/** A queue with its own clock. `served` lists the users who got a place, in order. */
function queueOf(maxConcurrent: number, queueSeconds = 30) {
  let now = 0;
  const deadlines = new Deadlines(() => now);
  const queue = new CallQueue(deadlines, () => now);
  const served: string[] = [];
  const limits: QueueLimits = { maxConcurrent, queueSeconds };
  return {
    queue,
    limits,
    served,
    advance: (milliseconds: number) => {
      now += milliseconds;
    },
    /** Returns when everything that was due has happened. */
    pass: (milliseconds: number) =>
      new Promise<void>((passed) => {
        deadlines.after(milliseconds, passed);
        now += milliseconds;
      }),
    async enter(user: string, signal = never): Promise<void> {
      await queue.enter(limits, user, signal);
      served.push(user);
    },
  };
}

/** Lets settled promises call their handlers. */
const heard = () => new Promise<void>((resolve) => setImmediate(resolve));

describe("a queue", () => {
  it("creates no promise while there is room", () => {
    const { queue, limits } = queueOf(2);
    expect(queue.enter(limits, "a", never)).toBeUndefined();
    expect(queue.enter(limits, "a", never)).toBeUndefined();
    expect([queue.inFlight, queue.waiting]).toEqual([2, 0]);
  });

  it("lets users take turns, so that a hundred calls of one do not delay the first call of another", async () => {
    const { queue, enter, served } = queueOf(1);
    await enter("greedy");
    for (let n = 0; n < 100; n++) void enter("greedy");
    for (let n = 0; n < 3; n++) void enter("bob");
    void enter("eve");
    expect(queue.waiting).toBe(104);
    for (let n = 0; n < 104; n++) {
      expect(queue.inFlight).toBe(1);
      queue.leave();
    }
    await heard();
    expect(served.slice(1, 9)).toEqual(["greedy", "bob", "eve", "greedy", "bob", "greedy", "bob", "greedy"]);
    expect(served).toHaveLength(105);
    expect([queue.inFlight, queue.waiting]).toEqual([1, 0]);
  });

  it("never exceeds its limit, and applies a new limit at once", async () => {
    const { queue, limits, enter, served } = queueOf(2);
    for (let n = 0; n < 10; n++) void enter(`u${n}`);
    await heard();
    expect([queue.inFlight, queue.waiting]).toEqual([2, 8]);
    limits.maxConcurrent = 5;
    void enter("later");
    expect([queue.inFlight, queue.waiting]).toEqual([5, 6]);
    limits.maxConcurrent = 1;
    void enter("last");
    for (let n = 0; n < 5; n++) queue.leave();
    expect([queue.inFlight, queue.waiting]).toEqual([1, 6]);
    await heard();
    expect(served).toEqual(["u0", "u1", "u2", "u3", "u4", "u5"]);
  });

  it("refuses a call after queueSeconds, with retry-after", async () => {
    const { queue, enter, advance, pass, served } = queueOf(1, 10);
    await enter("a");
    // A call every four seconds.
    for (let n = 0; n < 3; n++) {
      advance(4000);
      queue.leave();
      await enter("a");
    }
    const waiting = [enter("b"), enter("b"), enter("c")];
    const refused = Promise.allSettled(waiting);
    await pass(10_000);
    // One call ended in the last ten seconds. The first call to give up would wait behind the two others.
    expect(await refused).toMatchObject(
      [30, 20, 10].map((retryAfter) => ({
        status: "rejected",
        reason: { code: "too_many_requests", status: 429, retryAfter },
      })),
    );
    expect(queue.waiting).toBe(0);
    queue.leave();
    expect(queue.inFlight).toBe(0);
    expect(served).toEqual(["a", "a", "a", "a"]);
  });

  it("gives a shorter retry-after to a user without waiting calls, and estimates it from its speed", async () => {
    const { queue, limits, enter, advance } = queueOf(1);
    const retryAfter = (user: string) => {
      try {
        queue.enter({ ...limits, queueSeconds: 0 }, user, never);
      } catch (error) {
        return (error as { retryAfter?: number }).retryAfter;
      }
      return undefined;
    };
    await enter("a");
    expect(retryAfter("new")).toBe(1);
    for (let n = 0; n < 3; n++) {
      advance(4000);
      queue.leave();
      await enter("a");
    }
    expect(retryAfter("new")).toBe(4);
    for (let n = 0; n < 9; n++) void enter("greedy");
    expect(retryAfter("greedy")).toBe(40);
    expect(retryAfter("new")).toBe(8);
    // No call ends any more.
    advance(20_000);
    expect(retryAfter("new")).toBe(40);
    expect(queue.waiting).toBe(9);
  });

  it("removes a caller who leaves, and refuses one who has left", async () => {
    const { queue, enter, served } = queueOf(1);
    await enter("a");
    const leaving = new AbortController();
    const left = enter("b", leaving.signal);
    void enter("b");
    leaving.abort();
    await expect(left).rejects.toMatchObject({ code: "client_closed_request" });
    expect(queue.waiting).toBe(1);
    await expect(enter("b", leaving.signal)).rejects.toMatchObject({ code: "client_closed_request" });
    expect(queue.waiting).toBe(1);
    queue.leave();
    await heard();
    expect(served).toEqual(["a", "b"]);
    expect([queue.inFlight, queue.waiting]).toEqual([1, 0]);
  });
});
