/**
 * Watches streams of numbered tokens and how late each token comes. A process of its own: takes a `LinkJob` as JSON
 * in its only argument and prints a `LinkResult` as JSON.
 */
import { NumberedStream } from "./numbered.ts";
import { type Latency, median, Samples } from "./stats.ts";

export interface LinkJob {
  port: number;
  bearer: string;
  /** Streams take turns with them. */
  models: string[];
  streams: number;
  tokens: number;
  /** Time between tokens, in milliseconds. */
  every: number;
  /** Milliseconds from one stream's opening to the next. */
  opening: number;
}

export interface LinkResult {
  /** Milliseconds from a token's sending to its arrival. */
  lag: Latency;
  /** Milliseconds from a call to the end of its stream, in the middle of all streams. */
  wall: number;
  /** Milliseconds from a call to its first token. */
  firstToken: Latency;
  tokens: number;
  /** The longest time that a stream which had begun had nothing to show, in milliseconds. */
  longestGap: number;
  /** Endings of the streams that were not whole. */
  failures: string[];
}

const job = JSON.parse(process.argv[2]!) as LinkJob;
const lags = new Samples();
const firstTokens = new Samples();
const walls: number[] = [];
const failures: string[] = [];
let longestGap = 0;
let tokens = 0;

async function watch(index: number): Promise<void> {
  await Bun.sleep(index * job.opening);
  const stream = new NumberedStream(job.tokens, (lag) => lags.add(lag));
  const opened = performance.now();
  const response = await fetch(`http://127.0.0.1:${job.port}/v1/chat/completions`, {
    method: "POST",
    headers: { authorization: `Bearer ${job.bearer}`, "content-type": "application/json" },
    body: JSON.stringify({
      model: job.models[index % job.models.length],
      messages: [{ role: "user", content: "count" }],
      stream: true,
      max_tokens: job.tokens,
    }),
    // A stream that hangs must not hang the benchmark.
    signal: AbortSignal.timeout(15_000 + 3 * job.tokens * job.every),
  });
  if (response.status !== 200) throw new Error(`status ${response.status}: ${await response.text()}`);
  let last: number | undefined;
  for await (const bytes of response.body!) {
    const now = performance.now();
    if (stream.push(bytes) === 0) continue;
    if (last === undefined) firstTokens.add(now - opened);
    else longestGap = Math.max(longestGap, now - last);
    last = now;
  }
  walls.push(performance.now() - opened);
  tokens += stream.count;
  const ending = stream.ending();
  if (!("whole" in ending)) throw new Error("error" in ending ? ending.error : ending.wrong);
}

const watches = await Promise.allSettled(Array.from({ length: job.streams }, (_, index) => watch(index)));
for (const watched of watches)
  if (watched.status === "rejected") failures.push(String((watched.reason as Error).message).slice(0, 200));
const result: LinkResult = {
  lag: lags.latency(),
  wall: median(walls),
  firstToken: firstTokens.latency(),
  tokens,
  longestGap,
  failures,
};
console.log(JSON.stringify(result));
process.exit();
