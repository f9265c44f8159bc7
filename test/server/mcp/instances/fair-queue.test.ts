import { describe, expect, it } from "vitest";
import { FairQueue } from "../../../../src/server/mcp/instances/fair-queue.ts";

function queue(limit: number, maxWaiting = 100, maxPerCaller = 100): FairQueue {
  return new FairQueue({ limit, maxWaiting, maxPerCaller, onFull: () => new Error("full") });
}

describe("FairQueue", () => {
  it("lets callers in by turns, however many calls one of them has", async () => {
    const line = queue(1);
    const order: string[] = [];
    expect(line.tryEnter()).toBe(true);
    const enter = async (caller: string, name: string) => {
      await line.enter(caller);
      order.push(name);
      line.leave();
    };
    const all = [
      enter("a", "a1"),
      enter("a", "a2"),
      enter("a", "a3"),
      enter("b", "b1"),
      enter("c", "c1"),
      enter("b", "b2"),
    ];
    expect(order).toEqual([]);
    expect(line.load).toBe(7);
    line.leave();
    await Promise.all(all);
    expect(order).toEqual(["a1", "b1", "c1", "a2", "b2", "a3"]);
    expect(line.load).toBe(0);
  });

  it("refuses a call when too many wait, of one caller or of all", async () => {
    const line = queue(1, 3, 2);
    line.tryEnter();
    const waiting = [line.enter("a"), line.enter("a")];
    await expect(line.enter("a")).rejects.toThrow("full");
    waiting.push(line.enter("b"));
    await expect(line.enter("c")).rejects.toThrow("full");
    for (const _ of waiting) line.leave();
    await Promise.all(waiting);
  });

  it("forgets a caller that leaves while it waits", async () => {
    const line = queue(1);
    line.tryEnter();
    const gone = new AbortController();
    const first = line.enter("a", gone.signal);
    const second = line.enter("a");
    gone.abort();
    await expect(first).rejects.toMatchObject({ code: "client_closed_request" });
    await expect(line.enter("b", gone.signal)).rejects.toMatchObject({ code: "client_closed_request" });
    line.leave();
    await second;
    line.leave();
    expect(line.load).toBe(0);
    expect(line.tryEnter()).toBe(true);
  });

  it("ends the wait of all when it is cleared", async () => {
    const line = queue(1);
    line.tryEnter();
    const waiting = line.enter("a");
    line.clear(new Error("over"));
    await expect(waiting).rejects.toThrow("over");
    expect(line.load).toBe(1);
  });
});
