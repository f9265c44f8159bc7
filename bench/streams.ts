import { type Cost, type Processes, withCost } from "./processes.ts";
import { median } from "./stats.ts";
import type { StreamJob, StreamResult } from "./stream-load.ts";
import type { Subject, Subjects } from "./subjects.ts";

export interface StreamPlan {
  /** Number of streams at once, of each measurement. */
  streams: readonly number[];
  /** Number of tokens in each stream; they come 50 a second. */
  tokens: number;
  rounds: number;
}

/** Result of one subject with all streams at once: the median of all rounds, in milliseconds. */
export interface StreamRow {
  subject: string;
  streams: number;
  firstTokenP50: number;
  firstTokenP99: number;
  /** From the opening of the first stream until each had its first token. */
  allStarted: number;
  /** Gaps over 250 ms in a stream that the upstream alone did not show in the same round. */
  stalls: number;
  longestGap: number;
  /** Processor time of the subject, in microseconds. */
  cpuPerToken: number;
  /** Bytes that were resident before the first round, and the most in any round. */
  idle: number;
  resident: number;
  /** Streams that did not bring all that was due. */
  broken: number;
}

const stall = 250;

/** Opens all streams at once, through one subject after another. */
export async function measureStreams(
  processes: Processes,
  { direct, baseline, own, peers }: Subjects,
  streams: number,
  { tokens, rounds }: StreamPlan,
): Promise<StreamRow[]> {
  const subjects = [direct, baseline, own, ...peers];
  const results: Measured[][] = [];
  for (let round = 0; round < rounds; round++) {
    const measured: Measured[] = [];
    for (const subject of subjects) measured.push(await measure(processes, subject, streams, tokens));
    results.push(measured);
  }
  return subjects.map(({ name, idle }, i) => {
    const middle = (read: (measured: Measured) => number) => median(results.map((round) => read(round[i]!)));
    return {
      subject: name,
      streams,
      firstTokenP50: middle(({ result }) => result.firstToken.p50),
      firstTokenP99: middle(({ result }) => result.firstToken.p99),
      allStarted: middle(({ result }) => result.allStarted),
      stalls: results.reduce(
        (sum, round) => sum + Math.max(0, round[i]!.result.stalls - (i > 0 ? round[0]!.result.stalls : 0)),
        0,
      ),
      longestGap: Math.max(...results.map((round) => round[i]!.result.longestGap)),
      cpuPerToken: middle(({ cost, result }) => (cost.cpu / result.tokens) * 1e6),
      idle,
      resident: Math.max(...results.map((round) => round[i]!.cost.resident)),
      broken: results.reduce((sum, round) => sum + round[i]!.result.broken, 0),
    };
  });
}

interface Measured {
  result: StreamResult;
  cost: Cost;
}

function measure(
  processes: Processes,
  { port, requests, pids }: Subject,
  streams: number,
  tokens: number,
): Promise<Measured> {
  const job: StreamJob = { port, requests, streams, tokens, stall };
  return withCost(pids, () => processes.ask<StreamResult>("stream-load.ts", job));
}
