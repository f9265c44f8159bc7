import { expect, it } from "vitest";
import { reportHostile } from "../../bench/report-hostile.ts";
import { soakHostile } from "../../bench/soak-hostile.ts";
// Refuses a file that is older than the sources.
import "../support/binary.ts";

const megabyte = 1e6;

it("the server answers honest callers while routes, the link and answers are flooded, and memory returns (T60, T63)", async () => {
  const plan = { seconds: 20, least: 6, width: 2, bytes: 8 * megabyte, seed: Date.now() };
  const result = await soakHostile(plan, () => {});
  const { attacks, wrong, honest, delay, resident, commandLine } = result;
  expect({ wrong, failed: honest.failed }).toEqual({ wrong: [], failed: [] });
  expect(Object.keys(attacks).length).toBeGreaterThanOrEqual(plan.least);
  // One body of an unknown caller once held it for 53 s, and took 1.4 GB.
  expect(delay.beside.max).toBeLessThan(20_000);
  expect(resident.most).toBeLessThan(1200 * megabyte);
  expect(resident.after).toBeLessThan(resident.before + 500 * megabyte);
  expect(commandLine).toBeLessThan(700 * megabyte);
  expect(reportHostile(result).lines.at(-1)).toMatch(/^verdict: /);
});
