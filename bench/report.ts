import type { LinkReport, LinkRow, ManyLinksRow } from "./link.ts";
import type { McpReport } from "./mcp.ts";
import type { PoolRow } from "./pools.ts";
import { mcpParts } from "./report-mcp.ts";
import type { SecretsRow } from "./secrets.ts";
import type { StartRow } from "./start.ts";
import type { StreamRow } from "./streams.ts";
import { type Columns, megabytes, table } from "./table.ts";
import type { ThroughputRow } from "./throughput.ts";
import type { TranslatedRow } from "./translated.ts";
import { judge, type Verdict, verdicts } from "./verdicts.ts";

/** All that a run measured; what was not asked for is not there. */
export interface Report {
  /** Closed loop, at each number of connections. */
  throughput?: ThroughputRow[];
  /** At a fixed rate, in requests per second. */
  atRate?: { rate: number; rows: ThroughputRow[] };
  streams?: StreamRow[];
  /** The upstream itself, then what passes through, then what is translated. */
  translated?: TranslatedRow[];
  /** One llm, then a pool. */
  pools?: PoolRow[];
  link?: LinkReport;
  mcp?: McpReport;
  /** The key in the server's own database first, then the one in OpenBao. */
  secrets?: SecretsRow[];
  start?: StartRow;
}

/** The report as Markdown. */
export function markdown(report: Report): string {
  const { throughput, atRate, streams, translated, pools, link, mcp, secrets, start } = report;
  const parts: string[] = [];
  if (throughput)
    parts.push(
      "## Throughput",
      "Closed loop: each connection asks again when it has its answer. Added: the percentile through the server less the percentile straight to the upstream, at the same load in the same round, and of all rounds the middle one. A server that is always busy makes callers queue: that is most of it. CPU and resident: of all processes of a row together, the most that was resident in any round.",
      table(throughput, throughputColumns),
    );
  if (atRate)
    parts.push(
      `## Latency at ${atRate.rate} requests/s`,
      "The same at a fixed rate, half of what mcpctl did in a closed loop at 32 connections: what is added when hardly anybody queues. A request's time runs from when it was due.",
      table(atRate.rows, latencyColumns),
    );
  if (streams)
    parts.push(
      "## Streams, all opened at once",
      "Idle: what was resident after a start and 16 calls, before the first stream. Of several processes both are the sum.",
      table(streams, streamColumns),
    );
  if (translated)
    parts.push(
      "## Streams, passed through and translated",
      "A caller of the chat dialect, whose llm speaks the same or Messages. First tokens while 100 streams are under way, one opening when another is over; processor time of streams that are opened at once. Added: what the server takes longer than the upstream itself in the same round.",
      table(translated, translatedColumns),
    );
  if (pools)
    parts.push(
      "## One llm, and a pool of four",
      "Closed loop at 32 connections. All have the same upstream.",
      table(pools, poolColumns),
    );
  if (link)
    parts.push(
      "## Models of workstations",
      "Streams of 100 tokens a second from a model behind `mcpctl agent`. Lag: from a token's sending to its arrival. Added: that less what it is through the server without an agent, in the same round; of 20 ms each way, 20 ms are the way itself. CPU: server and agent together.",
      table(link.rows, linkColumns),
      "Many streams at a time, of 10 tokens a second:",
      table([link.many], manyColumns),
    );
  if (mcp) parts.push(...mcpParts(mcp));
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

const latencyColumns: Columns<ThroughputRow> = {
  "": (row) => row.subject,
  connections: (row) => String(row.connections),
  "requests/s": (row) => row.perSecond.toFixed(0),
  "p50 ms": (row) => row.p50.toFixed(2),
  "p99 ms": (row) => row.p99.toFixed(2),
  "p99.9 ms": (row) => row.p999.toFixed(1),
  "longest ms": (row) => row.max.toFixed(1),
  "added p50 ms": (row) => row.addedP50.toFixed(3),
  "added p99 ms": (row) => row.addedP99.toFixed(3),
  "CPU µs/request": (row) => row.cpu.toFixed(1),
  "resident MB": (row) => megabytes(row.resident).toFixed(0),
  failures: (row) => String(row.failures),
};

const throughputColumns: Columns<ThroughputRow> = {
  ...latencyColumns,
  "of baseline": (row) => row.ratio.toFixed(2),
};

const streamColumns: Columns<StreamRow> = {
  "": (row) => row.subject,
  streams: (row) => String(row.streams),
  "first token p50 ms": (row) => row.firstTokenP50.toFixed(0),
  "p99 ms": (row) => row.firstTokenP99.toFixed(0),
  "all started ms": (row) => row.allStarted.toFixed(0),
  stalls: (row) => String(row.stalls),
  "longest gap ms": (row) => row.longestGap.toFixed(0),
  "CPU µs/token": (row) => row.cpuPerToken.toFixed(1),
  "idle MB": (row) => megabytes(row.idle).toFixed(0),
  "resident MB": (row) => megabytes(row.resident).toFixed(0),
  "not whole": (row) => String(row.broken),
};

const translatedColumns: Columns<TranslatedRow> = {
  "": (row) => row.subject,
  "first token p50 ms": (row) => row.firstTokenP50.toFixed(2),
  "p99 ms": (row) => row.firstTokenP99.toFixed(2),
  "added p50 ms": (row) => row.addedP50.toFixed(2),
  "added p99 ms": (row) => row.addedP99.toFixed(2),
  "token to token p99 ms": (row) => row.gapP99.toFixed(1),
  "CPU µs/token": (row) => row.cpuPerToken.toFixed(1),
  "of passed through": (row) => row.ratio.toFixed(2),
  "not whole": (row) => String(row.broken),
};

const poolColumns: Columns<PoolRow> = {
  "": (row) => row.subject,
  "requests/s": (row) => row.perSecond.toFixed(0),
  "p50 ms": (row) => row.p50.toFixed(2),
  "p99 ms": (row) => row.p99.toFixed(2),
  "of one llm's requests/s": (row) => row.ratio.toFixed(2),
  "of its p99": (row) => row.p99Ratio.toFixed(2),
  failures: (row) => String(row.failures),
};

const linkColumns: Columns<LinkRow> = {
  "": (row) => row.path,
  "lag p50 ms": (row) => row.lagP50.toFixed(1),
  "p99 ms": (row) => row.lagP99.toFixed(1),
  "added p50 ms": (row) => row.addedP50.toFixed(1),
  "added p99 ms": (row) => row.addedP99.toFixed(1),
  "first token p50 ms": (row) => row.firstTokenP50.toFixed(0),
  "of the model's time": (row) => row.wallRatio.toFixed(3),
  "CPU µs/token": (row) => row.cpuPerChunk.toFixed(0),
  "not whole": (row) => String(row.broken),
};

const manyColumns: Columns<ManyLinksRow> = {
  streams: (row) => String(row.streams),
  agents: (row) => String(row.agents),
  "lag p50 ms": (row) => row.lagP50.toFixed(1),
  "p99 ms": (row) => row.lagP99.toFixed(1),
  "longest gap ms": (row) => row.longestGap.toFixed(0),
  "CPU µs/token": (row) => row.cpuPerChunk.toFixed(0),
  "server MB": (row) => megabytes(row.serverResident).toFixed(0),
  "agent MB": (row) => megabytes(row.agentResident).toFixed(0),
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
