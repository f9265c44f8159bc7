import { expect, it } from "vitest";
import { isMcpKept, mcpSoakLines } from "../../bench/report-mcp-soak.ts";
import { soakMcp } from "../../bench/soak-mcp.ts";
// Refuses a file that is older than the sources.
import "../support/binary.ts";

it("answers each call once and with its own result, or with one error, while MCP servers are killed, hang and write garbage, and leaves no process (failure modes 118, 120, 162)", async () => {
  const plan = { seconds: 8, servers: 8, clients: 24, faultEvery: 600, seed: 7 };
  const result = await soakMcp(plan, () => {});
  const { wrong, hung, leftAfterKill, leftAfterStop, answered, faults } = result;
  expect({ wrong, hung, leftAfterKill, leftAfterStop }).toEqual({
    wrong: [],
    hung: [],
    leftAfterKill: [],
    leftAfterStop: [],
  });
  expect(answered).toBeGreaterThan(20);
  for (const fault of ["kill", "twice", "garbage", "late"]) expect(faults[fault], fault).toBeGreaterThan(0);
  expect(isMcpKept(result)).toBe(true);
  expect(isMcpKept({ ...result, hung: ["a call"] })).toBe(false);
  expect(mcpSoakLines(result)[0]).toContain("kill");
});
