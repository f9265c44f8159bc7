/**
 * The load, a process of its own: so many connections, each with one request under way. Takes a `LoadJob` as JSON
 * in its only argument and prints a `LoadResult` as JSON.
 */
import type { Socket } from "bun";
import { ResponseReader } from "./response.ts";
import { type Latency, Samples } from "./stats.ts";

export interface LoadJob {
  port: number;
  /** Whole requests, as they go over the wire. They are sent in turns. */
  requests: readonly string[];
  connections: number;
  /** Milliseconds, of which nothing is counted. */
  warmUp: number;
  /** Milliseconds that count. */
  duration: number;
  /** Requests per second. Not given: each connection sends its next request when the last is answered. */
  rate?: number;
}

export interface LoadResult {
  perSecond: number;
  /** All answers, with those that do not count: the processor time of the subject is theirs. */
  answers: number;
  /** Milliseconds. At a fixed rate from when a request was due, so that waiting for a connection counts. */
  latency: Latency;
  /** Answers that were not 200, and connections lost in the middle of one. */
  failures: number;
}

interface Client {
  socket: Socket<Client>;
  reader: ResponseReader;
  /** Time at which the request under way was sent or due; undefined between requests. */
  since: number | undefined;
}

const job = JSON.parse(process.argv[2]!) as LoadJob;
const requests = job.requests.map((request) => Buffer.from(request));
let sent = 0;
const samples = new Samples();
let answered = 0;
let answers = 0;
let failures = 0;
let counting = false;
let over = false;

/** Milliseconds. A timer that is later than this has been held up. */
const longestPause = 50;

/** Connections without a request, and the times at which requests were due that found none. Fixed rate only. */
const idle: Client[] = [];
const due: number[] = [];

function send(client: Client, since: number): void {
  client.since = since;
  client.socket.write(requests[sent++ % requests.length]!);
}

function done(client: Client): void {
  const now = performance.now();
  answers++;
  if (counting) {
    answered++;
    if (client.reader.status !== 200) failures++;
    samples.add(now - client.since!);
  }
  client.since = undefined;
  if (over) return;
  if (job.rate === undefined) return send(client, now);
  const waiting = due.shift();
  if (waiting === undefined) idle.push(client);
  else send(client, waiting);
}

async function connect(): Promise<Client> {
  const client: Client = { socket: undefined!, reader: new ResponseReader(), since: undefined };
  client.socket = await Bun.connect<Client>({
    hostname: "127.0.0.1",
    port: job.port,
    data: client,
    socket: {
      data: ({ data }, bytes) => {
        if (data.reader.push(bytes)) done(data);
      },
      close: ({ data }) => void lost(data),
    },
  });
  return client;
}

/** Servers may close what they kept open: a new connection takes over, at the cost of one failure at most. */
async function lost(client: Client): Promise<void> {
  if (over) return;
  if (client.since !== undefined && counting) failures++;
  const at = idle.indexOf(client);
  if (at >= 0) idle.splice(at, 1);
  const next = await connect();
  if (job.rate === undefined || client.since !== undefined) send(next, performance.now());
  else idle.push(next);
}

/** Sends what is due each millisecond: a finer clock would take the processor from what is measured. */
function pace(perMillisecond: number): void {
  let last = performance.now();
  let owed = 0;
  setInterval(() => {
    const now = performance.now();
    // The delays of this process itself are not the server's.
    owed += Math.min(now - last, longestPause) * perMillisecond;
    last = now;
    for (; owed >= 1; owed--) {
      const client = idle.pop();
      if (client) send(client, now);
      else due.push(now);
    }
  }, 1);
}

const clients = await Promise.all(Array.from({ length: job.connections }, connect));
if (job.rate === undefined) for (const client of clients) send(client, performance.now());
else {
  idle.push(...clients);
  pace(job.rate / 1000);
}
await Bun.sleep(job.warmUp);
counting = true;
const started = performance.now();
await Bun.sleep(job.duration);
counting = false;
over = true;
const seconds = (performance.now() - started) / 1000;
const result: LoadResult = { perSecond: answered / seconds, answers, latency: samples.latency(), failures };
console.log(JSON.stringify(result));
process.exit();
