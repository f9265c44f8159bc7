import type { StartRow } from "./start.ts";
import type { StreamRow } from "./streams.ts";
import { ownName } from "./subjects.ts";
import type { ThroughputRow } from "./throughput.ts";

/** All that a run measured; what was not asked for is not there. */
export interface Report {
  /** Closed loop, at each number of connections. */
  throughput?: ThroughputRow[];
  /** At a fixed rate, in requests per second. */
  atRate?: { rate: number; rows: ThroughputRow[] };
  streams?: StreamRow[];
  start?: StartRow;
}

/** What is to be reached on two cores that the load shares. */
export interface Verdict {
  what: string;
  target: number;
  measured: number;
  unit: string;
  /** Whether more is better; otherwise less is. */
  atLeast?: boolean;
}

/** The targets that a report says something about. */
export function verdicts({ throughput, atRate, streams, start }: Report): Verdict[] {
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
  const streamed = streams?.find((row) => row.subject === ownName);
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
  if (start) {
    all.push(
      { what: "resident when idle", target: 80, measured: megabytes(start.idleResident), unit: "MB" },
      { what: "ready after start", target: 150, measured: start.ready, unit: "ms" },
      { what: "mcpctl get llms", target: 25, measured: start.getLlms, unit: "ms" },
    );
  }
  return all;
}

/** Whether a target is met, and by how much of it. */
export function judge({ target, measured, atLeast = false }: Verdict): string {
  const met = atLeast ? measured >= target : measured <= target;
  if (target === 0) return met ? "met" : "missed";
  const share = Math.round((Math.abs(measured - target) / target) * 100);
  return `${met ? "met" : "missed"} by ${share} %`;
}

/** The report as Markdown. */
export function markdown(report: Report): string {
  const { throughput, atRate, streams, start } = report;
  const parts: string[] = [];
  if (throughput)
    parts.push(
      "## Throughput",
      "Closed loop: each connection asks again when it has its answer. Added: the percentile through the server less the percentile straight to the upstream, in the same round. Where the server is always busy, that is mostly queueing.",
      throughputTable(throughput),
    );
  if (atRate)
    parts.push(
      `## Added latency at ${Math.round(atRate.rate)} requests/s`,
      "The same, at half of what mcpctl did in a closed loop at 32 connections: what is added when nobody has to queue.",
      throughputTable(atRate.rows),
    );
  if (streams) parts.push("## Streams, all opened at once", streamTable(streams));
  if (start)
    parts.push(
      "## Start",
      table(
        ["", "median"],
        [
          ["ready after start, existing database", `${fixed(start.ready, 0)} ms`],
          ["resident when idle", `${fixed(megabytes(start.idleResident), 0)} MB`],
          ["`mcpctl get llms`", `${fixed(start.getLlms, 1)} ms`],
        ],
      ),
    );
  parts.push(
    "## Targets",
    table(
      ["", "target", "measured", ""],
      verdicts(report).map((verdict) => [
        verdict.what,
        `${verdict.atLeast ? "≥" : "≤"} ${verdict.target} ${verdict.unit}`.trim(),
        `${fixed(verdict.measured, verdict.target < 10 ? 2 : 0)} ${verdict.unit}`.trim(),
        judge(verdict),
      ]),
    ),
  );
  return `${parts.join("\n\n")}\n`;
}

function throughputTable(rows: readonly ThroughputRow[]): string {
  return table(
    ["", "connections", "requests/s", "of baseline", "added p50 ms", "added p99 ms", "failures"],
    rows.map((row) => [
      row.subject,
      String(row.connections),
      fixed(row.perSecond, 0),
      fixed(row.ratio, 2),
      fixed(row.addedP50, 3),
      fixed(row.addedP99, 3),
      String(row.failures),
    ]),
  );
}

function streamTable(rows: readonly StreamRow[]): string {
  return table(
    [
      "",
      "first token p50 ms",
      "p99 ms",
      "all started ms",
      "stalls",
      "longest gap ms",
      "CPU µs/token",
      "resident MB",
      "not whole",
    ],
    rows.map((row) => [
      row.subject,
      fixed(row.firstTokenP50, 0),
      fixed(row.firstTokenP99, 0),
      fixed(row.allStarted, 0),
      String(row.stalls),
      fixed(row.longestGap, 0),
      fixed(row.cpuPerToken, 1),
      fixed(megabytes(row.resident), 0),
      String(row.broken),
    ]),
  );
}

function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = header.map((text, i) => Math.max(text.length, 3, ...rows.map((row) => row[i]!.length)));
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join(" | ")} |`;
  const rule = `|${widths.map((width, i) => (i === 0 ? "-".repeat(width + 2) : `${"-".repeat(width + 1)}:`)).join("|")}|`;
  return [line(header), rule, ...rows.map(line)].join("\n");
}

function megabytes(bytes: number): number {
  return bytes / 1e6;
}

function fixed(value: number, digits: number): string {
  return value.toFixed(digits);
}
