import type { SecretsRow } from "./secrets.ts";
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
  /** The key in the server's own database first, then the one in OpenBao. */
  secrets?: SecretsRow[];
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
export function verdicts({ throughput, atRate, streams, secrets, start }: Report): Verdict[] {
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

/** Whether a target is met, and by which share of it. */
export function judge({ target, measured, atLeast = false }: Verdict): string {
  const met = atLeast ? measured >= target : measured <= target;
  if (target === 0) return met ? "met" : "missed";
  const share = Math.round((Math.abs(measured - target) / target) * 100);
  return `${met ? "met" : "missed"} by ${share} %`;
}

/** The report as Markdown. */
export function markdown(report: Report): string {
  const { throughput, atRate, streams, secrets, start } = report;
  const parts: string[] = [];
  if (throughput)
    parts.push(
      "## Throughput",
      "Closed loop: each connection asks again when it has its answer. Added: the percentile through the server less the percentile straight to the upstream, at the same load in the same round, and of all rounds the middle one. A server that is always busy makes callers queue: that is most of it.",
      table(throughput, throughputColumns),
    );
  if (atRate)
    parts.push(
      `## Latency at ${atRate.rate} requests/s`,
      "The same at a fixed rate, half of what mcpctl did in a closed loop at 32 connections: what is added when hardly anybody queues. A request's time runs from when it was due.",
      table(atRate.rows, latencyColumns),
    );
  if (streams) parts.push("## Streams, all opened at once", table(streams, streamColumns));
  if (secrets)
    parts.push(
      "## Where the key is",
      "Calls at a fixed rate of two llms: the key of the one is in the server's own database, that of the other in an OpenBao that takes 50 ms for an answer.",
      table(secrets, secretsColumns),
    );
  if (start) parts.push("## Start", table(startFigures(start), figureColumns));
  parts.push("## Targets", table(verdicts(report), verdictColumns));
  return `${parts.join("\n\n")}\n`;
}

/** What a column is headed by, and what of a row stands in it. */
type Columns<Row> = Record<string, (row: Row) => string>;

const latencyColumns: Columns<ThroughputRow> = {
  "": (row) => row.subject,
  connections: (row) => String(row.connections),
  "requests/s": (row) => row.perSecond.toFixed(0),
  "added p50 ms": (row) => row.addedP50.toFixed(3),
  "added p99 ms": (row) => row.addedP99.toFixed(3),
  failures: (row) => String(row.failures),
};

const throughputColumns: Columns<ThroughputRow> = {
  ...latencyColumns,
  "of baseline": (row) => row.ratio.toFixed(2),
};

const streamColumns: Columns<StreamRow> = {
  "": (row) => row.subject,
  "first token p50 ms": (row) => row.firstTokenP50.toFixed(0),
  "p99 ms": (row) => row.firstTokenP99.toFixed(0),
  "all started ms": (row) => row.allStarted.toFixed(0),
  stalls: (row) => String(row.stalls),
  "longest gap ms": (row) => row.longestGap.toFixed(0),
  "CPU µs/token": (row) => row.cpuPerToken.toFixed(1),
  "resident MB": (row) => megabytes(row.resident).toFixed(0),
  "not whole": (row) => String(row.broken),
};

const secretsColumns: Columns<SecretsRow> = {
  key: (row) => row.key,
  "p50 ms": (row) => row.p50.toFixed(2),
  "p99 ms": (row) => row.p99.toFixed(2),
  "longest ms": (row) => row.max.toFixed(1),
  "reads from OpenBao": (row) => String(row.reads),
  failures: (row) => String(row.failures),
};

const figureColumns: Columns<[what: string, figure: string]> = {
  "": ([what]) => what,
  median: ([, figure]) => figure,
};

function startFigures({ ready, idleResident, getLlms }: StartRow): [string, string][] {
  return [
    ["ready after start, existing database", `${ready.toFixed(0)} ms`],
    ["resident when idle", `${megabytes(idleResident).toFixed(0)} MB`],
    ["`mcpctl get llms`", `${getLlms.toFixed(1)} ms`],
  ];
}

const verdictColumns: Columns<Verdict> = {
  "": ({ what }) => what,
  target: ({ target, unit, atLeast }) => `${atLeast ? "≥" : "≤"} ${target} ${unit}`.trim(),
  measured: ({ measured, target, unit }) => `${measured.toFixed(target < 10 ? 2 : 0)} ${unit}`.trim(),
  verdict: judge,
};

function table<Row>(rows: readonly Row[], columns: Columns<Row>): string {
  const cells = [Object.keys(columns), ...rows.map((row) => Object.values(columns).map((read) => read(row)))];
  const widths = cells[0]!.map((_, i) => Math.max(3, ...cells.map((line) => line[i]!.length)));
  const [header, ...body] = cells.map(
    (line) =>
      `| ${line.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join(" | ")} |`,
  );
  const rule = `|${widths.map((width, i) => (i === 0 ? "-".repeat(width + 2) : `${"-".repeat(width + 1)}:`)).join("|")}|`;
  return [header, rule, ...body].join("\n");
}

function megabytes(bytes: number): number {
  return bytes / 1e6;
}
