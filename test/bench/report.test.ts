import { describe, expect, it } from "vitest";
import { judge, markdown, type Report, verdicts } from "../../bench/report.ts";

const row = { perSecond: 10_000, addedP50: 0.5, addedP99: 2, failures: 0 };
const report: Report = {
  throughput: [
    { ...row, subject: "nginx proxy_pass", connections: 32, ratio: 1 },
    { ...row, subject: "mcpctl", connections: 256, ratio: 0.9 },
    { ...row, subject: "mcpctl", connections: 32, ratio: 0.44 },
  ],
  start: { ready: 75, idleResident: 96e6, getLlms: 25 },
};

describe("the verdict on a run", () => {
  it("says by which share a target is met or missed", () => {
    const told = Object.fromEntries(verdicts(report).map((verdict) => [verdict.what, judge(verdict)]));
    expect(told).toEqual({
      "throughput at 32 connections, of the baseline's": "missed by 20 %",
      "p99 added at 32 connections, closed loop": "met by 33 %",
      "resident when idle": "missed by 20 %",
      "ready after start": "met by 50 %",
      "mcpctl get llms": "met by 0 %",
    });
  });

  it("has no share of nothing, and no verdict on what was not measured", () => {
    const streams = { subject: "mcpctl", firstTokenP50: 1, firstTokenP99: 1, allStarted: 1, longestGap: 1 };
    const broken = { ...streams, stalls: 0, cpuPerToken: 1, resident: 1, broken: 1 };
    expect(verdicts({ streams: [broken] }).map(judge)).toEqual(["met by 100 %", "missed", "met by 100 %"]);
    expect(verdicts({})).toEqual([]);
  });

  it("is a Markdown table whose lines are equally long", () => {
    const lines = markdown(report)
      .split("\n\n")
      .find((part) => part.startsWith("|"))!
      .split("\n");
    expect(lines).toHaveLength(5);
    expect(new Set(lines.map((line) => line.length)).size).toBe(1);
    expect(markdown(report)).not.toContain("## Streams");
  });
});
