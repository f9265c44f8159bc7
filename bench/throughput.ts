import type { LoadJob, LoadResult } from "./load.ts";
import { type Cost, type Processes, withCost } from "./processes.ts";
import { median } from "./stats.ts";
import type { Subjects } from "./subjects.ts";

export interface Pace {
  /** Milliseconds of each run that do not count, and of those that do. */
  warmUp: number;
  duration: number;
  rounds: number;
}

/** Result of one subject under one load: the median of all rounds. Times in milliseconds. */
export interface ThroughputRow {
  subject: string;
  connections: number;
  perSecond: number;
  /** Of the baseline's requests per second in the same round. */
  ratio: number;
  p50: number;
  p99: number;
  /** The percentile through the subject less the percentile without it, at the same load in the same round. */
  addedP50: number;
  addedP99: number;
  /** The 99.9th percentile, and the longest answer of all rounds. */
  p999: number;
  max: number;
  /** Processor time of the subject for a request, in microseconds. Other programs change it less than the throughput. */
  cpu: number;
  /** The most that was resident in any round, in bytes. */
  resident: number;
  failures: number;
}

/**
 * Drives all subjects with the same load. Without a rate each connection asks again as soon as it has its answer:
 * the subject is always busy, and its percentiles hold the waiting for one's turn. At a rate well below what it can
 * do, they hold what it adds when nobody has to queue.
 *
 * @param rate requests per second
 */
export async function measureThroughput(
  processes: Processes,
  subjects: Subjects,
  { connections, rate }: { connections: number; rate?: number },
  { warmUp, duration, rounds }: Pace,
): Promise<ThroughputRow[]> {
  return compare(subjects, connections, rounds, async ({ port, requests, pids }) => {
    const job: LoadJob = { port, requests, connections, warmUp, duration, ...(rate && { rate }) };
    return measureLoad(pids, () => processes.ask<LoadResult>("load.ts", job));
  });
}

/** The figures of one run, with the processor time for a request in microseconds. */
export type Measured = LoadResult & Cost;

/** Runs a load, and adds what it cost the processes that answered it. */
export async function measureLoad(
  pids: readonly number[],
  load: () => Promise<LoadResult>,
): Promise<Measured> {
  const { result, cost } = await withCost(pids, load);
  return { ...result, ...cost, cpu: (cost.cpu / result.answers) * 1e6 };
}

/** All that are compared. The baseline can be the upstream itself. */
interface Compared<One> {
  direct: One;
  baseline: One;
  own: One;
  peers: readonly One[];
}

/** Runs all subjects one after another, each round in another order, and compares within a round. */
export async function compare<One extends { name: string }>(
  { direct, baseline, own, peers }: Compared<One>,
  connections: number,
  rounds: number,
  measure: (subject: One) => Promise<Measured>,
): Promise<ThroughputRow[]> {
  const all = [...new Set([direct, baseline, own, ...peers])];
  const results: Map<One, Measured>[] = [];
  for (let round = 0; round < rounds; round++) {
    const result = new Map<One, Measured>();
    for (let i = 0; i < all.length; i++) {
      const subject = all[(i + round) % all.length]!;
      result.set(subject, await measure(subject));
    }
    results.push(result);
  }
  const middle = (read: (result: Map<One, Measured>) => number) => median(results.map(read));
  return all.map((subject) => ({
    subject: subject.name,
    connections,
    perSecond: middle((round) => round.get(subject)!.perSecond),
    ratio: middle((round) => round.get(subject)!.perSecond / round.get(baseline)!.perSecond),
    p50: middle((round) => round.get(subject)!.latency.p50),
    p99: middle((round) => round.get(subject)!.latency.p99),
    addedP50: middle((round) => round.get(subject)!.latency.p50 - round.get(direct)!.latency.p50),
    addedP99: middle((round) => round.get(subject)!.latency.p99 - round.get(direct)!.latency.p99),
    p999: middle((round) => round.get(subject)!.latency.p999),
    max: Math.max(...results.map((round) => round.get(subject)!.latency.max)),
    cpu: middle((round) => round.get(subject)!.cpu),
    resident: Math.max(...results.map((round) => round.get(subject)!.resident)),
    failures: results.reduce((sum, round) => sum + round.get(subject)!.failures, 0),
  }));
}
