import { expect, it } from "vitest";
import { nextTurn } from "../../src/wire/next-turn.ts";

it("gives each turn of the event loop to one piece of work, in the order in which it came (T60)", async () => {
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
  expect(new Set(steps.map((step) => step.split(" in ")[1])).size).toBe(steps.length);
});
