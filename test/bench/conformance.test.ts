import { describe, expect, it } from "vitest";
import { baseline, type ExpectedFailure } from "../../bench/conformance/baseline.ts";
import { judge, markdown } from "../../bench/conformance/report.ts";
import { type ScenarioResult, suitePackage } from "../../bench/conformance/suite.ts";

describe("the baseline of the conformance suite", () => {
  it("excuses nothing", () => {
    expect(baseline).toEqual([]);
  });

  it("is about one version of the suite", () => {
    expect(suitePackage).toMatch(/^@modelcontextprotocol\/conformance@\d+\.\d+\.\d+(-[\w.]+)?$/);
  });
});

describe("the verdict on a run of the conformance suite", () => {
  const result = (scenario: string, ...failed: string[]): ScenarioResult => ({
    scenario,
    isRequired: true,
    passed: 1,
    failures: failed.map((check) => ({ check, reason: `no ${check}` })),
  });
  const entry = (scenario: string, check?: string): ExpectedFailure => ({
    revision: "2026-07-28",
    leg: "server",
    scenario,
    ...(check !== undefined && { check }),
    reason: "of a reason",
  });
  const verdict = (results: ScenarioResult[], entries: ExpectedFailure[]) =>
    judge("2026-07-28", "server", results, entries);

  it("is good when what fails stands in the baseline, and nothing else", () => {
    const outcome = verdict([result("a"), result("b", "one", "two")], [entry("b")]);
    expect(outcome).toMatchObject({ isExpected: true, unexpected: [], stale: [] });
    expect(markdown([outcome])).toContain("| 2026-07-28 | server | 1 of 2 | 1 | 0 | 0 | 0 of 0 |");
  });

  it("is bad for a failure that does not stand there, also beside a check that does", () => {
    expect(verdict([result("b", "one", "two")], [entry("b", "one")])).toMatchObject({
      isExpected: false,
      unexpected: ["b, two: no two"],
    });
  });

  it.each([
    ["a scenario that passes", [entry("a")], ["a"]],
    ["a check that passes", [entry("b", "two")], ["b, two"]],
    ["a scenario that the suite does not have", [entry("gone")], ["gone"]],
  ])("is bad for an entry about %s", (_, entries, stale) => {
    const outcome = verdict([result("a"), result("b", "one")], [entry("b", "one"), ...entries]);
    expect(outcome).toMatchObject({ isExpected: false, unexpected: [], stale });
    expect(markdown([outcome])).toContain(`passes and stands in the baseline: ${stale[0]}`);
  });

  it("does not depend on what is not required", () => {
    const extension = { ...result("tasks", "one"), isRequired: false };
    expect(verdict([extension], [])).toMatchObject({ isExpected: true });
  });
});
