import { expect, it } from "vitest";
import { inOrder, type MemberState } from "../../../../src/server/inference/pools/order.ts";

const idle: MemberState = { inFlight: 0, isFull: false, isCoolingDown: false };

/** Counts how often each member comes first. */
function firsts(members: Record<string, Partial<MemberState>>): Record<string, number> {
  const count: Record<string, number> = {};
  for (let n = 0; n < 3000; n++) {
    const names = Object.keys(members);
    const order = inOrder(names, (name) => ({ ...idle, ...members[name] }), Math.random);
    expect([...order].sort()).toEqual(names);
    count[order[0]!] = (count[order[0]!] ?? 0) + 1;
  }
  return count;
}

it("puts members of the same state first equally often", () => {
  const count = firsts({ a: {}, b: {}, c: {} });
  for (const name of ["a", "b", "c"]) expect(count[name]).toBeGreaterThan(800);
});

it("never puts the busiest member first, and the least busy one most often", () => {
  const count = firsts({ a: { inFlight: 9 }, b: { inFlight: 5 }, c: { inFlight: 1 } });
  expect(count["a"]).toBeUndefined();
  expect(count["c"]).toBeGreaterThan(1700);
  expect(count["b"]).toBeGreaterThan(700);
});

it("puts full members behind members with room, however busy, and members in their cool-down last", () => {
  const states: Record<string, Partial<MemberState>> = {
    full: { inFlight: 1, isFull: true },
    out: { isCoolingDown: true },
    busy: { inFlight: 900 },
  };
  for (let n = 0; n < 50; n++) {
    const order = inOrder(["full", "out", "busy"], (name) => ({ ...idle, ...states[name] }), Math.random);
    expect(order).toEqual(["busy", "full", "out"]);
  }
});

it("puts agents' llms in the order resident, cold, busy, full, waking, hibernating", () => {
  const states: Record<string, Partial<MemberState>> = {
    out: { isCoolingDown: true, atAgent: "resident" },
    sleeps: { atAgent: "hibernating" },
    wakes: { atAgent: "waking" },
    full: { isFull: true, atAgent: "busy" },
    busy: { atAgent: "busy", inFlight: 1 },
    cold: { atAgent: "cold" },
    resident: { atAgent: "resident" },
  };
  for (let n = 0; n < 50; n++) {
    const order = inOrder(Object.keys(states), (name) => ({ ...idle, ...states[name] }), Math.random);
    expect(order).toEqual(["resident", "cold", "busy", "full", "wakes", "sleeps", "out"]);
  }
});
