import { type LinkReport, paths } from "./link.ts";
import type { McpReport } from "./mcp.ts";
import type { Report } from "./report.ts";
import type { SecretsRow } from "./secrets.ts";
import { ownName } from "./subjects.ts";
import { megabytes } from "./table.ts";

/** Targets on two cores that the load shares. */
export interface Verdict {
  what: string;
  target: number;
  measured: number;
  unit: string;
  /** True if more is better; otherwise less is. */
  atLeast?: boolean;
}

/** The targets that a report says something about. */
export function verdicts(report: Report): Verdict[] {
  const { throughput, atRate, streams, translated, pools, link, mcp, secrets, start } = report;
  const all: Verdict[] = [];
  const own = throughput?.find((row) => row.subject === ownName && row.connections === 32);
  if (own) {
    const what = "throughput at 32 connections, of the baseline's";
    all.push({ what, target: 0.55, measured: own.ratio, unit: "", atLeast: true });
  }
  const calm = atRate?.rows.find((row) => row.subject === ownName);
  if (calm) {
    const what = "p99 added at 32 connections, at half the throughput";
    all.push({ what, target: 3, measured: calm.addedP99, unit: "ms" });
  }
  if (own) {
    const what = "p99 added at 32 connections, closed loop";
    all.push({ what, target: 3, measured: own.addedP99, unit: "ms" });
  }
  const streamed = streams?.findLast((row) => row.subject === ownName);
  if (streamed) {
    all.push(
      { what: "all streams started", target: 300, measured: streamed.allStarted, unit: "ms" },
      {
        what: "stalls, and streams not whole",
        target: 0,
        measured: streamed.stalls + streamed.broken,
        unit: "",
      },
      { what: "resident with all streams", target: 120, measured: megabytes(streamed.resident), unit: "MB" },
    );
  }
  const [, through, converted] = translated ?? [];
  if (through && converted) {
    const at = "first token added p99 among 100 streams";
    all.push(
      { what: `${at}, passed through`, target: 3, measured: through.addedP99, unit: "ms" },
      { what: `${at}, translated`, target: 3, measured: converted.addedP99, unit: "ms" },
      {
        what: "processor time of a token translated, of one passed through",
        target: 3,
        measured: converted.ratio,
        unit: "",
      },
      // Tokens come every 20 ms: two at once, 40 ms after the last, were kept waiting by a socket.
      { what: "p99 from token to token, translated", target: 30, measured: converted.gapP99, unit: "ms" },
      {
        what: "such streams not whole",
        target: 0,
        measured: through.broken + converted.broken,
        unit: "",
      },
    );
  }
  const pooled = pools?.[1];
  if (pooled) {
    all.push(
      {
        what: "throughput of a pool of four, of one llm's",
        target: 0.95,
        measured: pooled.ratio,
        unit: "",
        atLeast: true,
      },
      { what: "p99 of a pool of four, of one llm's", target: 1.1, measured: pooled.p99Ratio, unit: "" },
    );
  }
  if (link) all.push(...linkVerdicts(link));
  if (mcp) all.push(...mcpVerdicts(mcp));
  if (secrets) {
    const [own, bao] = secrets as [SecretsRow, SecretsRow];
    const what = "p50 with the key in OpenBao, of that with the key in the database";
    all.push({ what, target: 1.05, measured: bao.p50 / own.p50, unit: "" });
  }
  if (start) {
    all.push(
      { what: "resident when idle", target: 80, measured: megabytes(start.idleResident), unit: "MB" },
      { what: "ready after start", target: 150, measured: start.ready, unit: "ms" },
      { what: "mcpctl get llms", target: 25, measured: start.getLlms, unit: "ms" },
    );
  }
  return all;
}

function linkVerdicts({ rows, many }: LinkReport): Verdict[] {
  const of = (path: string) => rows.find((row) => row.path === path)!;
  const far = { [paths.webSocketFar]: 25, [paths.postFar]: 45 };
  return [
    ...Object.entries(far).flatMap(([path, target]) => [
      { what: `lag added in the middle, ${path}`, target, measured: of(path).addedP50, unit: "ms" },
      { what: `time of the model's own, ${path}`, target: 1.05, measured: of(path).wallRatio, unit: "" },
    ]),
    {
      what: `processor time of a token, ${paths.webSocketHere}`,
      target: 60,
      measured: of(paths.webSocketHere).cpuPerChunk,
      unit: "µs",
    },
    // Tokens come every 100 ms: more than 250 ms beyond that is a stall.
    { what: "longest gap among many streams", target: 350, measured: many.longestGap, unit: "ms" },
    {
      what: "streams over a link not whole",
      target: 0,
      measured: rows.reduce((sum, { broken }) => sum + broken, many.broken),
      unit: "",
    },
  ];
}

function mcpVerdicts({ calls, sessions, listing, longResults, lazy }: McpReport): Verdict[] {
  const own = calls.filter(({ subject }) => subject === ownName);
  const most = Math.max(...own.map(({ connections }) => connections));
  return [
    ...own.flatMap(({ transport, connections, addedP50, addedP99, ratio, failures }) => {
      const at = `calls over ${transport}, ${connections} at a time`;
      const share = `throughput of the direct one's, ${at}`;
      return [
        { what: `p50 added, ${at}`, target: 1, measured: addedP50, unit: "ms" },
        { what: `p99 added, ${at}`, target: 5, measured: addedP99, unit: "ms" },
        // One at a time, the throughput says the same as the median.
        ...(connections === most
          ? [{ what: share, target: 0.5, measured: ratio, unit: "", atLeast: true }]
          : []),
        { what: `failures, ${at}`, target: 0, measured: failures, unit: "" },
      ];
    }),
    {
      what: `${sessions.count} idle sessions, more than without`,
      target: 40,
      measured: megabytes(sessions.idle - sessions.before),
      unit: "MB",
    },
    {
      what: "added to the p50 until the first page of 5 MB",
      target: 60,
      measured: longResults.page.p50 - longResults.direct.p50,
      unit: "ms",
    },
    {
      what: "bytes of the first page of 5 MB",
      target: 10_240,
      measured: longResults.page.bytes,
      unit: "bytes",
    },
    { what: `p50 of listing ${listing.tools} tools`, target: 5, measured: listing.p50, unit: "ms" },
    { what: "processes of servers that nobody has called", target: 0, measured: lazy.unused, unit: "" },
  ];
}

/** Says if a target is met, and by which share of it. */
export function judge({ target, measured, atLeast = false }: Verdict): string {
  const met = atLeast ? measured >= target : measured <= target;
  if (target === 0) return met ? "met" : "missed";
  const share = Math.round((Math.abs(measured - target) / target) * 100);
  return `${met ? "met" : "missed"} by ${share} %`;
}
