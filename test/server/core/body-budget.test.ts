import { describe, expect, it } from "vitest";
import { BodyBudget, type HeldBytes } from "../../../src/server/core/body-budget.ts";
import { Deadlines } from "../../../src/server/core/deadlines.ts";

const megabyte = 1024 * 1024;
const stays = new AbortController().signal;

/** A budget of 8 MB, 4 of which one user may have. */
function budget(wait = 60_000) {
  const bodies = new BodyBudget(new Deadlines(), { most: 8 * megabyte, wait });
  const order: string[] = [];
  return {
    bodies,
    order,
    /** Holds megabytes, and notes when they are there. */
    async hold(user: string, megabytes: number, signal = stays): Promise<HeldBytes> {
      const held = await bodies.hold(user, megabytes * megabyte, signal);
      order.push(user);
      return held;
    },
  };
}

describe("the memory for large bodies (T173)", () => {
  it("is there at once while there is enough, and is given back once", async () => {
    const { bodies } = budget();
    const held = bodies.hold("a", 3 * megabyte, stays);
    expect(held).not.toBeInstanceOf(Promise);
    const memory = await held;
    expect(bodies.held).toBe(3 * megabyte);
    memory.shrink(2 * megabyte);
    expect(bodies.held).toBe(2 * megabyte);
    memory.shrink(100);
    expect(bodies.held).toBe(0);
    memory.release();
    memory.release();
    expect(bodies.held).toBe(0);
    expect([bodies.isLarge(megabyte), bodies.isLarge(megabyte + 1)]).toEqual([false, true]);
  });

  it("is half of all for one user, however large one body is", async () => {
    const { bodies, hold, order } = budget();
    const first = await hold("a", 32);
    expect(bodies.held).toBe(4 * megabyte);
    const second = hold("a", 2);
    await hold("b", 3);
    expect(order).toEqual(["a", "b"]);
    expect(bodies.waiting).toBe(1);
    first.release();
    await second;
    expect([bodies.waiting, order]).toEqual([0, ["a", "b", "a"]]);
  });

  it("goes to the users in turn, and no small body passes a larger one of another user", async () => {
    const { hold, order } = budget();
    const held = [await hold("a", 4), await hold("b", 4)];
    const waiting = ["c", "c", "d"].map((user) => hold(user, user === "d" ? 4 : 3));
    const small = hold("e", 2);
    for (const memory of held) memory.release();
    const [first] = await Promise.all([waiting[0], waiting[2]]);
    expect(order).toEqual(["a", "b", "c", "d"]);
    first!.release();
    await small;
    (await waiting[2]!).release();
    await waiting[1];
    expect(order).toEqual(["a", "b", "c", "d", "e", "c"]);
  });

  it("is refused after a while: 429 where the user's own bodies are in the way, 503 otherwise", async () => {
    const { bodies, hold } = budget(1);
    await hold("a", 3);
    await expect(hold("a", 3)).rejects.toMatchObject({ code: "too_many_requests", retryAfter: 5 });
    await hold("b", 3);
    await expect(hold("c", 3)).rejects.toMatchObject({ code: "server_busy", status: 503, retryAfter: 5 });
    expect([bodies.waiting, bodies.refused, bodies.held]).toEqual([0, 2, 6 * megabyte]);
  });

  it("is not for a caller who has left: the next one gets it", async () => {
    const { bodies, hold, order } = budget();
    const first = await hold("a", 4);
    await hold("b", 2);
    const leaves = new AbortController();
    const left = hold("c", 4, leaves.signal);
    const next = hold("d", 2);
    leaves.abort();
    await expect(left).rejects.toMatchObject({ code: "client_closed_request" });
    await next;
    await expect(hold("e", 3, AbortSignal.abort())).rejects.toMatchObject({ code: "client_closed_request" });
    first.release();
    expect([order, bodies.waiting, bodies.held]).toEqual([["a", "b", "d"], 0, 4 * megabyte]);
  });
});
