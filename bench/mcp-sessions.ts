/**
 * Holds idle sessions of MCP clients. Takes a `SessionsJob` as JSON in its only argument and prints a `SessionsResult` as
 * JSON.
 */
import { McpClient } from "./mcp-client.ts";
import { costOf } from "./processes.ts";
import { median } from "./stats.ts";

export interface SessionsJob {
  url: string;
  bearer: string;
  sessions: number;
  /** The process of the server. */
  pid: number;
}

/** Bytes that the server has resident. */
export interface SessionsResult {
  before: number;
  /** With all sessions. */
  idle: number;
  /** The same with a stream held by each. */
  listening: number;
}

const job = JSON.parse(process.argv[2]!) as SessionsJob;
/** Clients that begin at a time. */
const atOnce = 20;

/** Begins sessions, some at a time. */
async function begin(listens: boolean): Promise<void> {
  const { url, bearer } = job;
  let left = job.sessions;
  const some = async () => {
    while (left-- > 0) await new McpClient({ url, bearer, era: "legacy", listens }).begin();
  };
  await Promise.all(Array.from({ length: atOnce }, some));
}

/** Returns the bytes that are resident, in the middle of a while. */
async function resident(): Promise<number> {
  await Bun.sleep(2000);
  const samples: number[] = [];
  for (let i = 0; i < 10; i++) {
    samples.push(costOf(job.pid).resident);
    await Bun.sleep(100);
  }
  return median(samples);
}

const first = new McpClient({ url: job.url, bearer: job.bearer, era: "legacy", listens: true });
await first.begin();
for (let i = 0; i < 200; i++) await first.request("tools/list", {});
const before = await resident();
await begin(false);
const idle = await resident();
await begin(true);
// The first ones hold no stream, and stay.
const listening = (await resident()) - (idle - before);
console.log(JSON.stringify({ before, idle, listening } satisfies SessionsResult));
process.exit();
