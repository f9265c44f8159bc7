import { describe, expect, it } from "vitest";
import { paths } from "../../bench/link.ts";
import { markdown, type Report } from "../../bench/report.ts";
import { judge, verdicts } from "../../bench/verdicts.ts";

const times = { p50: 0.6, p99: 2.5, addedP50: 0.5, addedP99: 2, p999: 4, max: 9.5 };
const row = { ...times, perSecond: 10_000, cpu: 61.2, resident: 145e6, failures: 0 };
const report: Report = {
  throughput: [
    { ...row, subject: "nginx proxy_pass", connections: 32, ratio: 1 },
    { ...row, subject: "mcpctl", connections: 256, ratio: 0.9 },
    { ...row, subject: "mcpctl", connections: 32, ratio: 0.44 },
  ],
  start: { ready: 75, idleResident: 96e6, getLlms: 25 },
};

describe("the verdict on a run", () => {
  it("gives the share by which a target is met or missed", () => {
    const told = Object.fromEntries(verdicts(report).map((verdict) => [verdict.what, judge(verdict)]));
    expect(told).toEqual({
      "throughput at 32 connections, of the baseline's": "missed by 20 %",
      "p99 added at 32 connections, closed loop": "met by 33 %",
      "resident when idle": "missed by 20 %",
      "ready after start": "met by 50 %",
      "mcpctl get llms": "met by 0 %",
    });
  });

  it("has no share of zero, and no verdict without a measurement", () => {
    const first = { firstTokenP50: 1, firstTokenP99: 1, allStarted: 1, longestGap: 1 };
    const streams = { ...first, subject: "mcpctl", streams: 1000, stalls: 0, cpuPerToken: 1, idle: 1 };
    const broken = { ...streams, resident: 1, broken: 1 };
    expect(verdicts({ streams: [broken] }).map(judge)).toEqual(["met by 100 %", "missed", "met by 100 %"]);
    expect(verdicts({})).toEqual([]);
  });

  it("counts the throughput of MCP calls where many are under way, and memory beyond that without sessions", () => {
    const call = (subject: string, connections: number, ratio: number) => {
      const figures = { ...row, addedP50: 0.5, addedP99: 6, ratio };
      return { ...figures, subject, connections, transport: "stdio" as const };
    };
    const calls = [call("direct", 10, 1), call("mcpctl", 1, 0.1), call("mcpctl", 10, 0.6)];
    const mcp = {
      calls,
      sessions: { before: 90e6, idle: 100e6, listening: 104e6, count: 1000 },
      listing: { servers: 20, tools: 500, bytes: 84_000, p50: 1, p99: 2 },
      longResults: {
        direct: { p50: 20 },
        whole: { p50: 80, bytes: 5e6 },
        page: { p50: 50, most: 60, bytes: 9216 },
      },
      lazy: { servers: 20, unused: 3, used: 4 },
    };
    const all = verdicts({ mcp });
    const told = Object.fromEntries(all.map((verdict) => [verdict.what, judge(verdict)]));
    expect(told).toEqual({
      "p50 added, calls over stdio, 1 at a time": "met by 50 %",
      "p99 added, calls over stdio, 1 at a time": "missed by 20 %",
      "failures, calls over stdio, 1 at a time": "met",
      "p50 added, calls over stdio, 10 at a time": "met by 50 %",
      "p99 added, calls over stdio, 10 at a time": "missed by 20 %",
      "throughput of the direct one's, calls over stdio, 10 at a time": "met by 20 %",
      "failures, calls over stdio, 10 at a time": "met",
      "1000 idle sessions, more than without": "met by 75 %",
      "added to the p50 until the first page of 5 MB": "met by 50 %",
      "bytes of the first page of 5 MB": "met by 10 %",
      "p50 of listing 500 tools": "met by 80 %",
      "processes of servers that nobody has called": "missed",
    });
    expect(markdown({ mcp })).toContain("14 MB more");
  });

  it("compares what is translated with what passes through, a pool with one llm, and each way of the link", () => {
    const stream = { firstTokenP50: 1, firstTokenP99: 1, addedP50: 1, addedP99: 1.5, gapP99: 21, broken: 0 };
    const translated = ["itself", "through", "translated"].map((subject, i) => ({
      ...stream,
      subject,
      cpuPerToken: i,
      ratio: i * 2,
    }));
    const pool = { perSecond: 1, p50: 1, p99: 1, failures: 0 };
    const pools = [
      { ...pool, subject: "one", ratio: 1, p99Ratio: 1 },
      { ...pool, subject: "pool", ratio: 0.9, p99Ratio: 1 },
    ];
    const way = { lagP50: 1, lagP99: 1, addedP99: 1, firstTokenP50: 1, broken: 0 };
    const rows = Object.values(paths).map((path, i) => ({
      ...way,
      path,
      addedP50: 10 * i,
      wallRatio: 1 + i / 100,
      cpuPerChunk: 30 * i,
    }));
    const many = {
      streams: 500,
      agents: 10,
      longestGap: 175,
      lagP50: 1,
      lagP99: 1,
      broken: 1,
      cpuPerChunk: 9,
    };
    const link = { rows, many: { ...many, serverResident: 1e8, agentResident: 1e8 } };
    const told = Object.fromEntries(
      verdicts({ translated, pools, link }).map((verdict) => [verdict.what, judge(verdict)]),
    );
    expect(told).toEqual({
      "first token added p99 among 100 streams, passed through": "met by 50 %",
      "first token added p99 among 100 streams, translated": "met by 50 %",
      "processor time of a token translated, of one passed through": "missed by 33 %",
      "p99 from token to token, translated": "met by 30 %",
      "such streams not whole": "met",
      "throughput of a pool of four, of one llm's": "missed by 5 %",
      "p99 of a pool of four, of one llm's": "met by 9 %",
      "lag added in the middle, WebSocket, 20 ms each way": "missed by 60 %",
      "time of the model's own, WebSocket, 20 ms each way": "met by 1 %",
      "lag added in the middle, SSE and POST, 20 ms each way": "missed by 11 %",
      "time of the model's own, SSE and POST, 20 ms each way": "met by 0 %",
      "processor time of a token, WebSocket, same machine": "met by 0 %",
      "longest gap among many streams": "met by 50 %",
      "streams over a link not whole": "missed",
    });
    const text = markdown({ translated, pools, link });
    for (const path of Object.values(paths)) expect(text).toContain(path);
  });

  it("shows a gateway that gave no answer", () => {
    const none = { p50: NaN, p99: NaN, addedP50: NaN, addedP99: NaN, p999: NaN, max: NaN, cpu: Infinity };
    const silent = { ...row, ...none, perSecond: 0, subject: "silent", connections: 256, ratio: 0 };
    const line = markdown({ throughput: [silent] })
      .split("\n")
      .find((line) => line.startsWith("| silent"))!;
    const cells = line.split("|").map((cell) => cell.trim());
    expect(cells).toEqual(["", "silent", "256", "0", ...Array(7).fill("-"), "145", "0", "0.00", ""]);
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
