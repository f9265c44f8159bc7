import { join } from "node:path";
import { published, publisher, startLocalModel, Workstation } from "./agents.ts";
import type { LinkJob, LinkResult } from "./link-load.ts";
import { create, type Mcpctl } from "./mcpctl.ts";
import { costOf, freePort, type Processes, type Started } from "./processes.ts";
import { median } from "./stats.ts";
import type { Setting } from "./subjects.ts";

export interface LinkPlan {
  /** Streams at a time, and the tokens of each, which come 100 a second. */
  streams: number;
  tokens: number;
  rounds: number;
  /** Many streams over many agents, whose tokens come 10 a second. */
  many: { streams: number; agents: number; tokens: number };
}

/** Streams over one path, in the middle of all rounds. Milliseconds. */
export interface LinkRow {
  path: string;
  /** From a token's sending by the model to its arrival at the caller. */
  lagP50: number;
  lagP99: number;
  /** The percentile less that through the server without a link, in the same round. */
  addedP50: number;
  addedP99: number;
  firstTokenP50: number;
  /** Of how long the stream takes from the model itself, in the same round. */
  wallRatio: number;
  /** Processor time of server and agent, in microseconds. */
  cpuPerChunk: number;
  /** Streams that were not whole. */
  broken: number;
}

/** Many streams at a time over many agents. */
export interface ManyLinksRow {
  streams: number;
  agents: number;
  /** Milliseconds. Tokens are 100 ms apart. */
  longestGap: number;
  lagP50: number;
  lagP99: number;
  /** Processor time of server and agents, in microseconds. */
  cpuPerChunk: number;
  broken: number;
  /** Bytes, when all streams are over. */
  serverResident: number;
  agentResident: number;
}

export interface LinkReport {
  rows: LinkRow[];
  many: ManyLinksRow;
}

/** Network delay of a workstation, each way, in milliseconds. */
export const delay = 20;
/** Milliseconds from one token to the next, for a few streams and for many. */
const intervals = { few: 10, many: 100 };

/** Names of the paths in tables. */
export const paths = {
  model: "the model itself",
  server: "through the server, no link",
  webSocketHere: "WebSocket, same machine",
  postHere: "SSE and POST, same machine",
  webSocketFar: `WebSocket, ${delay} ms each way`,
  postFar: `SSE and POST, ${delay} ms each way`,
};

/** Target of the calls on one path, and the processes whose processor time counts. */
interface Path {
  name: string;
  port: number;
  model: string;
  pids: number[];
}

/** Measures each path with the same streams, and then many agents at once. */
export async function measureLink(
  { processes, installation, bearer }: Setting,
  command: readonly string[],
  plan: LinkPlan,
): Promise<LinkReport> {
  const model = await startLocalModel(processes);
  const server = await installation.start();
  const station = stations(processes, command, model.port, await publisher(server));
  await create(server, "llms?probe=false", {
    name: "no-link",
    type: "openai",
    model: `every-${intervals.few}ms`,
    url: `http://127.0.0.1:${model.port}`,
  });
  const all: Path[] = [
    { name: paths.model, port: model.port, model: `every-${intervals.few}ms`, pids: [] },
    { name: paths.server, port: server.port, model: "no-link", pids: [server.pid] },
  ];
  const running: Workstation[] = [];
  const ways = {
    webSocketHere: undefined,
    postHere: { blockUpgrade: "refuse" },
    webSocketFar: { delay },
    postFar: { delay, blockUpgrade: "refuse" },
  } as const;
  for (const [way, faults] of Object.entries(ways)) {
    const name = way.toLowerCase();
    const port = faults ? (await farAway(processes, name, server.port, faults)).port : server.port;
    const one = station(name, port, intervals.few);
    running.push(one);
    await published(server, [one]);
    all.push({
      name: paths[way as keyof typeof ways],
      port: server.port,
      model: name,
      pids: [server.pid, one.pid!],
    });
  }
  const rows = await compare(processes, all, bearer, plan);
  await Promise.all(running.map((one) => one.stop()));
  const many = await measureMany(processes, server, bearer, station, plan.many);
  await Promise.all([server.stop(), model.stop()]);
  return { rows, many };
}

type StartStation = (name: string, server: number, interval: number) => Workstation;

/** Starts workstations that differ in where they find the server, and in how fast their model is. */
function stations(
  processes: Processes,
  command: readonly string[],
  model: number,
  bearer: string,
): StartStation {
  return (name, server, interval) => {
    const publishes = [{ name, model: `every-${interval}ms` }];
    const one = new Workstation(processes, command, { name, server, bearer, model, publishes });
    one.start();
    return one;
  };
}

function farAway(processes: Processes, name: string, target: number, faults: object): Promise<Started> {
  const port = freePort();
  const settings = JSON.stringify({ ...faults, port, target });
  const command = [process.execPath, join(import.meta.dirname, "netem.ts"), settings];
  return processes.startServer(`way-to-${name}`, command, port);
}

interface Measured extends LinkResult {
  /** Microseconds a token. */
  cpu: number;
}

async function compare(
  processes: Processes,
  all: readonly Path[],
  bearer: string,
  { streams, tokens, rounds }: LinkPlan,
): Promise<LinkRow[]> {
  const results: Measured[][] = [];
  const measure = async ({ port, model, pids }: Path, count: number): Promise<Measured> => {
    const job: LinkJob = {
      port,
      bearer,
      models: [model],
      streams,
      tokens: count,
      every: intervals.few,
      // Not all tokens are to come in the same instant.
      opening: intervals.few + intervals.few / streams,
    };
    const before = costs(pids);
    const result = await processes.ask<LinkResult>("link-load.ts", job);
    return { ...result, cpu: ((costs(pids) - before) / result.tokens) * 1e6 };
  };
  // The compilation at a program's first use is no cost of a token.
  for (const path of all) await measure(path, Math.ceil(tokens / 5));
  for (let round = 0; round < rounds; round++) {
    const measured: Measured[] = [];
    for (const path of all) measured.push(await measure(path, tokens));
    results.push(measured);
  }
  return all.map(({ name }, i) => {
    const middle = (read: (of: Measured, direct: Measured, noLink: Measured) => number) =>
      median(results.map((round) => read(round[i]!, round[0]!, round[1]!)));
    return {
      path: name,
      lagP50: middle(({ lag }) => lag.p50),
      lagP99: middle(({ lag }) => lag.p99),
      addedP50: middle(({ lag }, _, noLink) => lag.p50 - noLink.lag.p50),
      addedP99: middle(({ lag }, _, noLink) => lag.p99 - noLink.lag.p99),
      firstTokenP50: middle(({ firstToken }) => firstToken.p50),
      wallRatio: middle(({ wall }, direct) => wall / direct.wall),
      cpuPerChunk: middle(({ cpu }) => cpu),
      broken: results.reduce((sum, round) => sum + round[i]!.failures.length, 0),
    };
  });
}

/** Processor seconds of several processes so far. */
function costs(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + costOf(pid).cpu, 0);
}

async function measureMany(
  processes: Processes,
  server: Mcpctl,
  bearer: string,
  station: StartStation,
  { streams, agents, tokens }: LinkPlan["many"],
): Promise<ManyLinksRow> {
  const names = Array.from({ length: agents }, (_, i) => `station-${i + 1}`);
  const running = names.map((name) => station(name, server.port, intervals.many));
  await published(server, running);
  const pids = [server.pid, ...running.map(({ pid }) => pid!)];
  const before = costs(pids);
  const result = await processes.ask<LinkResult>("link-load.ts", {
    port: server.port,
    bearer,
    models: names,
    streams,
    tokens,
    every: intervals.many,
    opening: 4,
  } satisfies LinkJob);
  for (const failure of result.failures.slice(0, 5)) console.error(`not whole: ${failure}`);
  const row = {
    streams,
    agents,
    longestGap: result.longestGap,
    lagP50: result.lag.p50,
    lagP99: result.lag.p99,
    cpuPerChunk: ((costs(pids) - before) / result.tokens) * 1e6,
    broken: result.failures.length,
    serverResident: costOf(server.pid).resident,
    agentResident: Math.max(...running.map(({ pid }) => costOf(pid!).resident)),
  };
  await Promise.all(running.map((one) => one.stop()));
  return row;
}
