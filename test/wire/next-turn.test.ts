import { expect, it } from "vitest";
import { nextTurn } from "../../src/wire/next-turn.ts";

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
