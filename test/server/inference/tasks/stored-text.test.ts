import { expect, it } from "vitest";
import { linesOf } from "../../../../src/server/inference/tasks/stored-text.ts";

it("the lines of a file are read in several turns of the event loop, also those that are empty (T262)", async () => {
  async function* parts() {
    for (let n = 0; n < 40; n++) yield n % 2 === 0 ? "{}\n".repeat(20_000) : "\n".repeat(100_000);
  }
  let turns = 0;
  let most = 0;
  let inTurn = 0;
  let next = setImmediate(function count() {
    turns++;
    inTurn = 0;
    next = setImmediate(count);
  });
  let lines = 0;
  for await (const { text } of linesOf(parts(), 1024)) {
    if (text === "{}") lines++;
    most = Math.max(most, ++inTurn);
  }
  clearImmediate(next);
  expect(lines).toBe(400_000);
  expect(turns).toBeGreaterThan(4);
  expect(most).toBeLessThan(200_000);
});
