/**
 * Calls an MCP server over the pipes of its process, without anything in between. Takes a `StdioJob` as JSON in its only
 * argument and prints a `StdioResult` as JSON.
 */

import type { LoadResult } from "./load.ts";
import { mcpMessage, nonce } from "./mcp-request.ts";
import { costOf } from "./processes.ts";
import { Samples } from "./stats.ts";

export interface StdioJob {
  command: readonly string[];
  tool: string;
  /** Calls under way at a time. */
  connections: number;
  /** Milliseconds. */
  warmUp: number;
  duration: number;
}

export interface StdioResult extends LoadResult {
  /** Processor time of the program for a call, in microseconds. */
  cpu: number;
  /** Bytes of the process at the end. */
  resident: number;
}

const job = JSON.parse(process.argv[2]!) as StdioJob;
const child = Bun.spawn([...job.command], { stdin: "pipe", stdout: "pipe", stderr: "inherit" });
const samples = new Samples();
const sentAt = new Map<number, number>();
let nextId = 1;
let answers = 0;
let answered = 0;
let failures = 0;
let counting = false;
let over = false;

function send(): void {
  const id = nextId++;
  sentAt.set(id, performance.now());
  child.stdin.write(`${JSON.stringify(mcpMessage(id, "tools/call", job.tool))}\n`);
  void child.stdin.flush();
}

function take(line: string): void {
  const { id, result } = JSON.parse(line) as { id: number; result?: { content: { text: string }[] } };
  answers++;
  if (counting) {
    answered++;
    samples.add(performance.now() - sentAt.get(id)!);
    if (result?.content[0]?.text !== nonce) failures++;
  }
  sentAt.delete(id);
  if (!over) send();
}

async function read(): Promise<void> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const bytes of child.stdout) {
    const lines = (rest + decoder.decode(bytes, { stream: true })).split("\n");
    rest = lines.pop()!;
    for (const line of lines) take(line);
  }
}

void read();
for (let i = 0; i < job.connections; i++) send();
while (answers === 0) await Bun.sleep(1);
const before = { cpu: costOf(child.pid).cpu, answers };
await Bun.sleep(job.warmUp);
counting = true;
const started = performance.now();
await Bun.sleep(job.duration);
counting = false;
over = true;
const seconds = (performance.now() - started) / 1000;
const after = costOf(child.pid);
const cpu = ((after.cpu - before.cpu) / (answers - before.answers)) * 1e6;
const perSecond = answered / seconds;
const result: StdioResult = {
  perSecond,
  answers,
  latency: samples.latency(),
  failures,
  cpu,
  resident: after.resident,
};
console.log(JSON.stringify(result));
child.kill("SIGKILL");
process.exit();
