import { chatRequests } from "./chat.ts";
import type { LoadJob, LoadResult } from "./load.ts";
import { llms } from "./mcpctl.ts";
import { median } from "./stats.ts";
import type { Setting } from "./subjects.ts";
import type { Pace } from "./throughput.ts";

/** Calls of one llm, or of a pool, in the middle of all rounds. Milliseconds. */
export interface PoolRow {
  subject: string;
  perSecond: number;
  p50: number;
  p99: number;
  /** Of one llm's requests per second, and of its 99th percentile, in the same round. */
  ratio: number;
  p99Ratio: number;
  failures: number;
}

/** Calls one llm and a pool of four that have the same upstream, in a closed loop. The first row is the one llm. */
export async function measurePools(
  { processes, installation, bearer }: Setting,
  connections: number,
  { warmUp, duration, rounds }: Pace,
): Promise<PoolRow[]> {
  const server = await installation.start();
  const headers = { authorization: `Bearer ${bearer}` };
  const subjects = { "one llm": llms.unstreamed, "a pool of four": llms.pooled };
  const results: LoadResult[][] = [];
  for (let round = 0; round < rounds; round++) {
    const measured: LoadResult[] = [];
    for (const model of Object.values(subjects)) {
      const requests = chatRequests({ port: server.port, model, headers });
      const job: LoadJob = { port: server.port, requests, connections, warmUp, duration };
      measured.push(await processes.ask<LoadResult>("load.ts", job));
    }
    results.push(measured);
  }
  await server.stop();
  return Object.keys(subjects).map((subject, i) => {
    const middle = (read: (of: LoadResult, alone: LoadResult) => number) =>
      median(results.map((round) => read(round[i]!, round[0]!)));
    return {
      subject,
      perSecond: middle(({ perSecond }) => perSecond),
      p50: middle(({ latency }) => latency.p50),
      p99: middle(({ latency }) => latency.p99),
      ratio: middle(({ perSecond }, alone) => perSecond / alone.perSecond),
      p99Ratio: middle(({ latency }, alone) => latency.p99 / alone.latency.p99),
      failures: results.reduce((sum, round) => sum + round[i]!.failures, 0),
    };
  });
}
