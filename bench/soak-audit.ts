import { join } from "node:path";
import { createToken, furnish, Installation, llms, type Mcpctl, mcpctlCommand } from "./mcpctl.ts";
import { freePort, type Processes, withProcesses } from "./processes.ts";
import { seeded } from "./seeded.ts";

export interface AuditSoakPlan {
  /** Number of times that the server is killed. */
  rounds: number;
  /** Whole answers in each round. */
  calls: number;
  /** Number of callers at a time. */
  clients: number;
  seed: number;
  /** Another build than `dist/mcpctl`. */
  binary?: string;
  /** Variables of the server's environment. */
  env?: Record<string, string> | undefined;
}

export interface AuditSoakResult {
  /** Answers that a client has seen whole. */
  whole: number;
  /** Calls that were cut off, or met no server. */
  cut: number;
  /** Audit rows of calls. */
  rows: number;
  kills: number;
  /** Request ids of whole answers without a row. */
  lost: string[];
}

interface Round {
  startedAt: number;
  noted: string[];
  killAfter: number;
  killed: boolean;
}

const pageSize = 1000;

/**
 * Kills the compiled server with -9 in the middle of many calls, again and again over one data directory, and looks
 * whether each answer that a client has seen whole is in the audit log. With the same seed the kills come after the
 * same number of answers. All that it starts is gone when it returns.
 */
export function soakAudit(plan: AuditSoakPlan, say: (line: string) => void): Promise<AuditSoakResult> {
  return withProcesses((processes) => run(plan, processes, say));
}

async function run(
  plan: AuditSoakPlan,
  processes: Processes,
  say: (line: string) => void,
): Promise<AuditSoakResult> {
  const random = seeded(plan.seed);
  const port = freePort();
  const provider = [process.execPath, join(import.meta.dirname, "upstream.ts"), JSON.stringify({ port })];
  await processes.startServer("upstream", provider, port);
  const installation = new Installation(processes, mcpctlCommand(plan.binary), "mcpctl", plan.env);
  let server = await installation.start();
  const bearer = await furnish(server, { unstreamed: port, streamed: port });
  const auditor = await createToken(server, "auditor", [{ role: "view", resource: "audit" }]);
  const result: AuditSoakResult = { whole: 0, cut: 0, rows: 0, kills: 0, lost: [] };

  for (let number = 1; number <= plan.rounds; number++) {
    const killAfter = Math.floor(plan.calls * (0.2 + 0.6 * random()));
    const round: Round = { startedAt: Date.now(), noted: [], killAfter, killed: false };
    let up = Promise.resolve();
    const kill = async () => {
      process.kill(server.pid, "SIGKILL");
      result.kills++;
      await gone(server.pid);
      server = await installation.start();
    };
    const client = async (index: number) => {
      for (let n = 0; round.noted.length < plan.calls; n++) {
        await up;
        const id = await whole(server.port, bearer, (n + index) % 2 === 0);
        if (id === undefined) result.cut++;
        else if (round.noted.push(id) >= killAfter && !round.killed) {
          round.killed = true;
          // At a moment that no answer has chosen.
          const moment = Math.floor(random() * 10);
          up = Bun.sleep(moment).then(kill);
        }
      }
    };
    await Promise.all(Array.from({ length: plan.clients }, (_, index) => client(index)));
    await up;
    const rows = await auditIds(server, auditor, round.startedAt);
    const lost = round.noted.filter((id) => !rows.has(id));
    result.whole += round.noted.length;
    result.rows += rows.size;
    result.lost.push(...lost);
    say(
      `round ${number}: ${round.noted.length} answers, killed after ${killAfter}, ${rows.size} audit rows, ${lost.length} lost`,
    );
  }
  await server.stop();
  return result;
}

/** One call; the id of its request when the answer came whole, undefined when it did not. Throws when it was refused. */
async function whole(port: number, bearer: string, stream: boolean): Promise<string | undefined> {
  const answer = await ask(port, bearer, stream).catch(() => undefined);
  if (!answer) return undefined;
  const { status, text, id } = answer;
  if (status !== 200) throw new Error(`the server answered ${status}: ${text}`);
  const isWhole = stream ? text.endsWith("data: [DONE]\n\n") : text.endsWith("}");
  return isWhole ? id : undefined;
}

async function ask(port: number, bearer: string, stream: boolean) {
  const response = await fetch(`http://127.0.0.1:${port}/v1/chat/completions`, {
    method: "POST",
    headers: { authorization: `Bearer ${bearer}`, "content-type": "application/json" },
    body: JSON.stringify({
      model: stream ? llms.streamed : llms.unstreamed,
      messages: [{ role: "user", content: "hi" }],
      ...(stream && { stream, max_tokens: 2 }),
    }),
  });
  return {
    status: response.status,
    text: await response.text(),
    id: response.headers.get("x-request-id") ?? "",
  };
}

/** Request ids of all calls on record since a time, which are asked for a page at a time, newest first. */
async function auditIds({ port }: Mcpctl, bearer: string, since: number): Promise<Set<string>> {
  const ids = new Set<string>();
  const query = new URLSearchParams({ action: "llm_inference_call", limit: String(pageSize) });
  query.set("since", new Date(since).toISOString());
  while (true) {
    const response = await fetch(`http://127.0.0.1:${port}/api/v1/audit?${query}`, {
      headers: { authorization: `Bearer ${bearer}` },
    });
    if (!response.ok) throw new Error(`the audit log: ${response.status} ${await response.text()}`);
    const events = (await response.json()) as { at: string; requestId: string }[];
    const before = ids.size;
    for (const { requestId } of events) ids.add(requestId);
    if (events.length < pageSize || ids.size === before) return ids;
    // The end is exclusive, and several may have been in the same millisecond.
    query.set("until", new Date(Date.parse(events.at(-1)!.at) + 1).toISOString());
  }
}

async function gone(pid: number): Promise<void> {
  while (true) {
    try {
      process.kill(pid, 0);
    } catch {
      return;
    }
    await Bun.sleep(1);
  }
}
