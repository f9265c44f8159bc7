/**
 * Opens many streams at once and watches each to its end. A process of its own: takes a `StreamJob` as JSON in
 * its only argument and prints a `StreamResult` as JSON.
 */
import { framesOf } from "./chat.ts";
import { type Latency, Samples } from "./stats.ts";

export interface StreamJob {
  port: number;
  /** Whole requests, as they go over the wire. They are sent in turns. */
  requests: readonly string[];
  streams: number;
  /** Number of tokens expected in each stream. */
  tokens: number;
  /** Milliseconds from one stream's opening to the next; all at once when not given. */
  every?: number;
  /** The first so many streams' first tokens are not counted. */
  warmUp?: number;
  /** Two reads further apart than this are a stall, in milliseconds. */
  stall: number;
}

export interface StreamResult {
  /** Milliseconds from a stream's opening, connection included, to its first frame. */
  firstToken: Latency;
  /** Milliseconds from the opening of the first stream to the first frame of the last. */
  allStarted: number;
  stalls: number;
  /** Milliseconds from one read that brought a frame to the next of the same stream. */
  gap: Latency;
  /** The longest time a stream had nothing to show, in milliseconds. */
  longestGap: number;
  /** Number of tokens in all. */
  tokens: number;
  /** Streams that did not bring each frame that was due. */
  broken: number;
}

interface Stream {
  counts: boolean;
  opened: number;
  last: number | undefined;
  frames: number;
  lastByte: number;
  over: () => void;
}

const job = JSON.parse(process.argv[2]!) as StreamJob;
const requests = job.requests.map((request) => Buffer.from(request));
let sent = 0;
const expected = framesOf(job.tokens);
const firstTokens = new Samples(job.streams);
const gaps = new Samples();
let allStarted = 0;
let stalls = 0;
let longestGap = 0;
let frames = 0;
let broken = 0;

function receive(stream: Stream, bytes: Buffer): void {
  const now = performance.now();
  const came = framesIn(stream, bytes);
  if (came === 0) return;
  if (stream.last === undefined) {
    if (stream.counts) firstTokens.add(now - stream.opened);
    allStarted = now - start;
  } else {
    const gap = now - stream.last;
    gaps.add(gap);
    if (gap > job.stall) stalls++;
    if (gap > longestGap) longestGap = gap;
  }
  stream.last = now;
  stream.frames += came;
  frames += came;
  if (stream.frames >= expected) stream.over();
}

/** A frame ends with an empty line, and nothing else in a stream has one: HTTP's own lines end in CR LF. */
function framesIn(stream: Stream, bytes: Buffer): number {
  let count = 0;
  let before = stream.lastByte;
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i]!;
    if (byte === 10 && before === 10) count++;
    before = byte;
  }
  stream.lastByte = before;
  return count;
}

/** Opens a stream and returns when the server is done with it. */
async function watch(index: number): Promise<void> {
  if (job.every !== undefined) await Bun.sleep(start + index * job.every - performance.now());
  const { promise, resolve: over } = Promise.withResolvers<void>();
  const counts = index >= (job.warmUp ?? 0);
  const opened = performance.now();
  const stream: Stream = { counts, opened, last: undefined, frames: 0, lastByte: 0, over };
  Bun.connect<Stream>({
    hostname: "127.0.0.1",
    port: job.port,
    data: stream,
    socket: {
      open: (socket) => void socket.write(requests[sent++ % requests.length]!),
      data: ({ data }, bytes) => receive(data, bytes),
      close: () => over(),
      error: () => over(),
    },
  }).catch(() => over());
  // A stream that hangs must not hang the benchmark. It is due in 20 ms a token.
  const patience = setTimeout(over, 10_000 + job.tokens * 40);
  await promise;
  clearTimeout(patience);
  if (stream.frames !== expected) broken++;
}

const start = performance.now();
await Promise.all(Array.from({ length: job.streams }, (_, index) => watch(index)));
const result: StreamResult = {
  firstToken: firstTokens.latency(),
  allStarted,
  stalls,
  gap: gaps.latency(),
  longestGap,
  tokens: Math.max(0, frames - job.streams * (expected - job.tokens)),
  broken,
};
console.log(JSON.stringify(result));
process.exit();
