import { costOf, type Processes } from "./processes.ts";
import { median } from "./stats.ts";
import type { StreamJob, StreamResult } from "./stream-load.ts";
import type { Subject, Subjects } from "./subjects.ts";

export interface StreamPlan {
  streams: number;
  /** Number of tokens in each stream; they come 50 a second. */
  tokens: number;
  rounds: number;
}

/** Result of one subject with all streams at once: the median of all rounds, in milliseconds. */
export interface StreamRow {
  subject: string;
  firstTokenP50: number;
  firstTokenP99: number;
  /** From the opening of the first stream until each had its first token. */
  allStarted: number;
  /** Gaps over 250 ms in a stream that the upstream alone did not show in the same round. */
  stalls: number;
  longestGap: number;
  /** Processor time of the subject, in microseconds. */
  cpuPerToken: number;
  /** The most that was resident in any round, in bytes. */
  resident: number;
  /** Streams that did not bring all that was due. */
  broken: number;
}

const stall = 250;

/** Opens all streams at once, through one subject after another. */
export async function measureStreams(
  processes: Processes,
  { direct, baseline, own, peers }: Subjects,
  { streams, tokens, rounds }: StreamPlan,
): Promise<StreamRow[]> {
  const subjects = [direct, baseline, own, ...peers];
  const results: Measured[][] = [];
  for (let round = 0; round < rounds; round++) {
    const measured: Measured[] = [];
    for (const subject of subjects) measured.push(await measure(processes, subject, streams, tokens));
    results.push(measured);
  }
  return subjects.map(({ name }, i) => {
    const middle = (read: (measured: Measured) => number) => median(results.map((round) => read(round[i]!)));
    return {
      subject: name,
      firstTokenP50: middle(({ result }) => result.firstToken.p50),
      firstTokenP99: middle(({ result }) => result.firstToken.p99),
      allStarted: middle(({ result }) => result.allStarted),
      stalls: results.reduce(
        (sum, round) => sum + Math.max(0, round[i]!.result.stalls - (i > 0 ? round[0]!.result.stalls : 0)),
        0,
      ),
      longestGap: Math.max(...results.map((round) => round[i]!.result.longestGap)),
      cpuPerToken: middle(({ cpu, result }) => (cpu / result.tokens) * 1e6),
      resident: Math.max(...results.map((round) => round[i]!.resident)),
      broken: results.reduce((sum, round) => sum + round[i]!.result.broken, 0),
    };
  });
}

interface Measured {
  result: StreamResult;
  /** Seconds. */
  cpu: number;
  resident: number;
}

async function measure(
  processes: Processes,
  { port, request, pid }: Subject,
  streams: number,
  tokens: number,
): Promise<Measured> {
  const before = costOf(pid);
  let resident = before.resident;
  const watch = setInterval(() => {
    resident = Math.max(resident, costOf(pid).resident);
  }, 200);
  try {
    const job: StreamJob = { port, request, streams, tokens, stall };
    const result = await processes.ask<StreamResult>("stream-load.ts", job);
    return { result, cpu: costOf(pid).cpu - before.cpu, resident };
  } finally {
    clearInterval(watch);
  }
}
