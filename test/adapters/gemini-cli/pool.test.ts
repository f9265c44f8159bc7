import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { createPool } from "../../../src/adapters/gemini-cli/pool.ts";
import { failureOf, gemini, until } from "./run.ts";

describe("the pool", () => {
  it("never runs more than its number of 20 calls at once, and runs them all", async () => {
    const cli = gemini({ maxProcesses: 3 });
    const calls = Array.from({ length: 20 }, () =>
      cli.call("gate:open").then((answer) => answer.text(10_000)),
    );
    const log = () => readFileSync(cli.file("log"), "utf8").trim().split("\n");
    await until(() => log().length === 3);
    await Bun.write(cli.file("open"), "");
    for (const text of await Promise.all(calls)) expect(text).toContain("through");
    let inside = 0;
    let most = 0;
    for (const line of log()) {
      inside += line === "in" ? 1 : -1;
      most = Math.max(most, inside);
    }
    expect(log()).toHaveLength(40);
    expect(most).toBe(3);
  });

  it("serves in the order of asking", async () => {
    const pool = createPool({ places: 1, longestWait: 10_000 });
    const leave = await pool.enter();
    const order: number[] = [];
    const others = [1, 2, 3].map(async (number) => {
      const leaveToo = await pool.enter();
      order.push(number);
      leaveToo();
    });
    leave();
    await Promise.all(others);
    expect(order).toEqual([1, 2, 3]);
  });

  it("sends away who waits too long, with a word on when to come again", async () => {
    const pool = createPool({ places: 1, longestWait: 20 });
    const leave = await pool.enter();
    expect(await failureOf(pool.enter())).toMatchObject({
      code: "too_many_requests",
      status: 429,
      retryAfter: 5,
    });
    leave();
    await pool.enter();
  });

  it("forgets who leaves the line: the place goes to the next", async () => {
    const pool = createPool({ places: 1, longestWait: 10_000 });
    const leave = await pool.enter();
    const controller = new AbortController();
    const impatient = failureOf(pool.enter(controller.signal));
    const patient = pool.enter();
    controller.abort();
    expect(await impatient).toMatchObject({ name: "HttpFailure", kind: "cancelled" });
    leave();
    const next = await patient;
    next();
    expect(await failureOf(pool.enter(controller.signal))).toMatchObject({ kind: "cancelled" });
  });

  it("counts one leaving once", async () => {
    const pool = createPool({ places: 1, longestWait: 20 });
    const leave = await pool.enter();
    leave();
    leave();
    await pool.enter();
    expect(await failureOf(pool.enter())).toMatchObject({ code: "too_many_requests" });
  });

  it("lets nobody in once it is closed", async () => {
    const pool = createPool({ places: 1, longestWait: 10_000 });
    await pool.enter();
    const waiting = failureOf(pool.enter());
    pool.close();
    expect(await waiting).toMatchObject({ code: "unavailable" });
    expect(await failureOf(pool.enter())).toMatchObject({ code: "unavailable" });
  });
});
