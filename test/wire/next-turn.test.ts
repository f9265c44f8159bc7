import { expect, it } from "vitest";
import { seeded } from "../../bench/seeded.ts";
import { nextTurn, sortedInTurns } from "../../src/wire/next-turn.ts";
import { spin, turnsOf } from "../support/turns.ts";

it("gives each turn of the event loop to one piece of work, in the order in which it came (T60, T137)", async () => {
  const steps: string[] = [];
  let turn = 0;
  const work = async (name: string) => {
    for (let step = 1; step <= 3; step++) {
      await nextTurn();
      steps.push(`${name}${step} in ${turn}`);
    }
  };
  let isOver = false;
  const count = () => {
    turn++;
    if (!isOver) setImmediate(count);
  };
  setImmediate(count);
  await Promise.all([work("a"), work("b")]);
  isOver = true;
  expect(steps.map((step) => step.slice(0, 2))).toEqual(["a1", "b1", "a2", "b2", "a3", "b3"]);
  const turns = steps.map((step) => Number(step.split(" in ")[1]));
  // Three turns have no such work, so that small requests meet few of these pieces.
  for (const [at, turn] of turns.slice(1).entries()) expect(turn - turns[at]!).toBeGreaterThanOrEqual(4);
});

it("sorts many items in several turns as a sort of all would, equal ones in their order (T334)", async () => {
  const random = seeded(3);
  const items = Array.from({ length: 9001 }, (_, n) => ({ key: Math.floor(random() * 500), n }));
  const compare = (a: { key: number }, b: { key: number }) => a.key - b.key;
  expect(await sortedInTurns(items, compare)).toEqual(items.toSorted(compare));
  expect(await sortedInTurns([], compare)).toEqual([]);
  let compared = 0;
  const slow = (a: { key: number }, b: { key: number }) => {
    if (++compared % 500 === 0) spin(0.5);
    return a.key - b.key;
  };
  const { turns } = await turnsOf(sortedInTurns(items, slow));
  expect(turns).toBeGreaterThan(5);
});
