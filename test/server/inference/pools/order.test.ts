import { expect, it } from "vitest";
import { inOrder, type Standing } from "../../../../src/server/inference/pools/order.ts";

const idle: Standing = { inFlight: 0, isFull: false, isOut: false };

/** How often each of some members comes first. */
function firsts(members: Record<string, Partial<Standing>>): Record<string, number> {
  const count: Record<string, number> = {};
  for (let n = 0; n < 3000; n++) {
    const names = Object.keys(members);
    const order = inOrder(names, (name) => ({ ...idle, ...members[name] }), Math.random);
    expect([...order].sort()).toEqual(names);
    count[order[0]!] = (count[order[0]!] ?? 0) + 1;
  }
  return count;
}

it("members that are alike come first equally often", () => {
  const count = firsts({ a: {}, b: {}, c: {} });
  for (const name of ["a", "b", "c"]) expect(count[name]).toBeGreaterThan(800);
});

it("the busiest never comes first, the least busy most often", () => {
  const count = firsts({ a: { inFlight: 9 }, b: { inFlight: 5 }, c: { inFlight: 1 } });
  expect(count["a"]).toBeUndefined();
  expect(count["c"]).toBeGreaterThan(1700);
  expect(count["b"]).toBeGreaterThan(700);
});

it("those that are full come behind those with room, however busy, and those that are out last", () => {
  const standing: Record<string, Partial<Standing>> = {
    full: { inFlight: 1, isFull: true },
    out: { isOut: true },
    busy: { inFlight: 900 },
  };
  for (let n = 0; n < 50; n++) {
    const order = inOrder(["full", "out", "busy"], (name) => ({ ...idle, ...standing[name] }), Math.random);
    expect(order).toEqual(["busy", "full", "out"]);
  }
});

it("of agents' llms the resident and idle come first, the sleeping last, and the one being woken before others that sleep", () => {
  const standing: Record<string, Partial<Standing>> = {
    out: { isOut: true, agent: "resident" },
    sleeps: { agent: "hibernating" },
    wakes: { agent: "waking" },
    full: { isFull: true, agent: "busy" },
    busy: { agent: "busy", inFlight: 1 },
    cold: { agent: "cold" },
    resident: { agent: "resident" },
  };
  for (let n = 0; n < 50; n++) {
    const order = inOrder(Object.keys(standing), (name) => ({ ...idle, ...standing[name] }), Math.random);
    expect(order).toEqual(["resident", "cold", "busy", "full", "wakes", "sleeps", "out"]);
  }
});
