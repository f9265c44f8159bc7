import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { createSlots } from "../../../src/adapters/gemini-cli/slots.ts";
import { errorOf } from "../../support/error-of.ts";
import { gemini, until } from "./test-gemini.ts";

describe("the slots for runs of the gemini command", () => {
  it("limit 20 calls to their number at a time, and run them all", async () => {
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

  it("are given in the order of the calls", async () => {
    const slots = createSlots({ slots: 1, longestWait: 10_000 });
    const leave = await slots.enter();
    const order: number[] = [];
    const others = [1, 2, 3].map(async (number) => {
      const leaveToo = await slots.enter();
      order.push(number);
      leaveToo();
    });
    leave();
    await Promise.all(others);
    expect(order).toEqual([1, 2, 3]);
  });

  it("refuse a call that has waited too long, with a retry-after", async () => {
    const slots = createSlots({ slots: 1, longestWait: 20 });
    const leave = await slots.enter();
    expect(await errorOf(slots.enter())).toMatchObject({
      code: "too_many_requests",
      status: 429,
      retryAfter: 5,
    });
    leave();
    await slots.enter();
  });

  it("forget a call that is cancelled while it waits: the slot goes to the next", async () => {
    const slots = createSlots({ slots: 1, longestWait: 10_000 });
    const leave = await slots.enter();
    const controller = new AbortController();
    const impatient = errorOf(slots.enter(controller.signal));
    const patient = slots.enter();
    controller.abort();
    expect(await impatient).toMatchObject({ name: "HttpFailure", kind: "cancelled" });
    leave();
    const next = await patient;
    next();
    expect(await errorOf(slots.enter(controller.signal))).toMatchObject({ kind: "cancelled" });
  });

  it("count one leaving once", async () => {
    const slots = createSlots({ slots: 1, longestWait: 20 });
    const leave = await slots.enter();
    leave();
    leave();
    await slots.enter();
    expect(await errorOf(slots.enter())).toMatchObject({ code: "too_many_requests" });
  });

  it("refuse every call once they are closed", async () => {
    const slots = createSlots({ slots: 1, longestWait: 10_000 });
    await slots.enter();
    const waiting = errorOf(slots.enter());
    slots.close();
    expect(await waiting).toMatchObject({ code: "unavailable" });
    expect(await errorOf(slots.enter())).toMatchObject({ code: "unavailable" });
  });
});
