/**
 * The MCP clients of a soak, in a process of their own. Takes a `ClientsJob` as JSON in its only argument and prints a
 * `ClientsResult` as JSON.
 */
import { McpClient, type McpMessage } from "./mcp-client.ts";
import type { ProgramFault } from "./mcp-program.ts";
import { seeded } from "./seeded.ts";

export interface ClientsJob {
  url: string;
  /** Clients take turns with them. */
  bearers: readonly string[];
  clients: number;
  /** Milliseconds. */
  duration: number;
  seed: number;
  /** The tools that all clients call. */
  tools: readonly SoakTool[];
  /** The tools that only a few clients call: their servers have an instance for each. */
  ownTools: readonly SoakTool[];
  /** Milliseconds that a call may take. One that may be repeated has `longestRepeated`. */
  longest: number;
  longestRepeated: number;
  /** Milliseconds from one fault that ends or stops a program to the next. */
  deadlyEvery: number;
}

export interface SoakTool {
  name: string;
  isRepeatable: boolean;
}

export interface ClientsResult {
  /** Calls that were answered with their own result. */
  answered: number;
  /** Calls that ended in an error, by its code. */
  errors: Record<string, number>;
  /** Calls that their clients left. */
  left: number;
  faults: Record<string, number>;
  /** Answers that must not be. */
  wrong: string[];
  /** Calls that did not end in time. */
  hung: string[];
  /** The longest call, in milliseconds. */
  longest: number;
}

/** The codes with which calls may fail while servers fail. */
const documented = ["unavailable", "provider_error", "provider_timeout", "too_many_requests"];

const job = JSON.parse(process.argv[2]!) as ClientsJob;
const end = performance.now() + job.duration;
const result: ClientsResult = {
  answered: 0,
  errors: {},
  left: 0,
  faults: {},
  wrong: [],
  hung: [],
  longest: 0,
};
let nextDeadly = performance.now() + job.deadlyEvery;

function count(counts: Record<string, number>, what: string): void {
  counts[what] = (counts[what] ?? 0) + 1;
}

/** Chooses the fault of a call. Most have none. */
function faultFrom(random: () => number): ProgramFault | "late" | undefined {
  if (performance.now() > nextDeadly) {
    nextDeadly += job.deadlyEvery;
    return random() < 0.6 ? "exit" : "freeze";
  }
  const draw = random();
  if (draw < 0.005) return "hang";
  if (draw < 0.05) return "late";
  if (draw < 0.1) return "twice";
  return draw < 0.15 ? "garbage" : undefined;
}

/** Calls one tool, and judges how it ends. */
async function callOnce(client: McpClient, number: number, random: () => number): Promise<void> {
  const own = job.ownTools.length > 0 && number % 25 === 0 && random() < 0.3;
  const choices = own ? job.ownTools : job.tools;
  const tool = choices[Math.floor(random() * choices.length)]!;
  const nonce = `${number}-${crypto.randomUUID()}`;
  const fault = faultFrom(random);
  if (fault !== undefined) count(result.faults, fault);
  const padding = random() < 0.05 ? { padding: "x".repeat(100_000) } : {};
  const late = fault === "late" ? { milliseconds: 500 + random() * 1500 } : {};
  const given = { nonce, ...padding, ...late, ...(fault !== undefined && fault !== "late" && { fault }) };
  const progressToken = random() < 0.2 ? `p-${nonce}` : undefined;
  const leaves = new AbortController();
  const isLeaving = random() < 0.03;
  if (isLeaving) setTimeout(() => leaves.abort(), random() * 50);
  const limit = tool.isRepeatable ? job.longestRepeated : job.longest;
  const timer = setTimeout(() => leaves.abort("late"), limit);
  const startedAt = performance.now();
  const what = `${tool.name}${fault === undefined ? "" : ` with ${fault}`}, client ${number}`;
  try {
    const params = { name: tool.name, arguments: given };
    const answer = await client.request("tools/call", params, {
      signal: leaves.signal,
      ...(progressToken !== undefined && { progressToken }),
    });
    const { messages, id, status } = answer;
    judge(messages, { id, nonce, progressToken, what: `${what}, status ${status}` });
  } catch (error) {
    if (leaves.signal.reason === "late") result.hung.push(`${what}: no end after ${limit} ms`);
    else if (leaves.signal.aborted) result.left++;
    else result.wrong.push(`${what}: ${(error as Error).message}`);
  } finally {
    clearTimeout(timer);
    result.longest = Math.max(result.longest, performance.now() - startedAt);
  }
}

interface Expected {
  id: number;
  nonce: string;
  progressToken: string | undefined;
  what: string;
}

function judge(messages: readonly McpMessage[], { id, nonce, progressToken, what }: Expected): void {
  const answers = messages.filter(({ method }) => method === undefined);
  for (const { method, params } of messages) {
    if (method === undefined) continue;
    const isOwn = params?.progressToken === progressToken && params?.message === nonce;
    if (method !== "notifications/progress" || !isOwn)
      result.wrong.push(`${what}: got ${method} of another call: ${JSON.stringify(params).slice(0, 200)}`);
  }
  const [answer] = answers;
  if (answers.length !== 1 || answer?.id !== id) {
    result.wrong.push(
      `${what}: ${answers.length} answers to ${id}: ${JSON.stringify(answers).slice(0, 300)}`,
    );
  } else if (answer.error) {
    const code = answer.error.data?.code ?? String(answer.error.code);
    count(result.errors, code);
    if (!documented.includes(code))
      result.wrong.push(`${what}: ${JSON.stringify(answer.error).slice(0, 300)}`);
  } else if (answer.result?.content?.[0]?.text === nonce) result.answered++;
  else result.wrong.push(`${what}: got another result: ${JSON.stringify(answer).slice(0, 300)}`);
}

async function run(number: number): Promise<void> {
  const random = seeded(job.seed + number);
  const bearer = job.bearers[number % job.bearers.length]!;
  const era = number % 2 === 0 ? "legacy" : "modern";
  while (performance.now() < end) {
    const client = new McpClient({ url: job.url, bearer, era, listens: number % 4 === 0 });
    await client.begin();
    const calls = 20 + random() * 200;
    for (let i = 0; i < calls && performance.now() < end; i++) {
      await callOnce(client, number, random);
      await Bun.sleep(200 + 800 * random());
    }
    const isUnasked = ({ method }: McpMessage) => !method?.endsWith("/list_changed");
    for (const message of client.unasked.filter(isUnasked))
      result.wrong.push(`client ${number}: unasked ${JSON.stringify(message).slice(0, 300)}`);
    await client.end(random() < 0.7);
  }
}

await Promise.all(
  Array.from({ length: job.clients }, (_, i) =>
    run(i).catch((error: Error) => void result.wrong.push(`client ${i}: ${error.message}`)),
  ),
);
console.log(JSON.stringify(result));
process.exit();
