import { expect, it } from "vitest";
import { soakLink } from "../../bench/soak-link.ts";
// Refuses a file that is older than the sources.
import "../support/binary.ts";

it("streams from agents are whole or end in one error while agents are killed and links cut (failure modes 3, 31, 32)", async () => {
  const plan = { seconds: 10, atLeast: 21, agents: 6, streams: 40, faultEvery: 250, seed: 7 };
  const { whole, errors, wrong, hung, faults } = await soakLink(plan, () => {});
  expect({ wrong, hung }).toEqual({ wrong: [], hung: [] });
  expect(whole).toBeGreaterThan(20);
  for (const [fault, count] of Object.entries(faults)) expect(count, fault).toBeGreaterThan(0);
  // Agents were killed in the middle of streams: somebody was told.
  expect(Object.values(errors).reduce((sum, count) => sum + count, 0)).toBeGreaterThan(0);
});
