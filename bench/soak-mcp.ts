import { createToken, Installation, mcpctlCommand } from "./mcpctl.ts";
import { costOf, Processes } from "./processes.ts";
import { seeded } from "./seeded.ts";
import type { ClientsJob, ClientsResult } from "./soak-mcp-clients.ts";
import { isRunning, kill, McpFarm, processesWith, project, times, until } from "./soak-mcp-servers.ts";
import { thirdsOf } from "./stats.ts";

export interface McpSoakPlan {
  seconds: number;
  servers: number;
  clients: number;
  /** Milliseconds from one fault that ends or stops a program to the next, on average; as often a call asks for one. */
  faultEvery: number;
  seed: number;
  /** Another build than `dist/mcpctl`. */
  binary?: string;
}

export interface McpSoakResult extends ClientsResult {
  /** Processes that were left after the server was killed and started again, and after it had stopped. */
  leftAfterKill: string[];
  leftAfterStop: string[];
  /** Bytes resident in the first third of the time after the warm-up and in the last, in the middle of each. */
  resident: { first: number; last: number };
}

/** Milliseconds that a call may take beyond what the fields of its server say: other programs load the machine. */
const margin = 10_000;
const principals = 5;
/** Milliseconds between two looks at the memory, and those in which it does not count. */
const sampleEvery = 500;
const warmUp = 45_000;

/**
 * Calls many MCP servers by many clients of both eras, while programs are killed and stopped, hang, answer late or twice,
 * write garbage and end in the middle of answers, instances are deleted, and clients leave. All that is started is gone
 * when it returns.
 */
export async function soakMcp(plan: McpSoakPlan, say: (line: string) => void): Promise<McpSoakResult> {
  const processes = new Processes();
  const mark = `soak-${crypto.randomUUID()}`;
  try {
    return await run(plan, processes, mark, say);
  } finally {
    processes.killAll();
    for (const { pid } of processesWith(mark)) kill(pid, "SIGKILL");
  }
}

async function run(
  plan: McpSoakPlan,
  processes: Processes,
  mark: string,
  say: (line: string) => void,
): Promise<McpSoakResult> {
  const installation = new Installation(processes, mcpctlCommand(plan.binary));
  const server = await installation.start();
  const farm = new McpFarm(processes, mark, plan.servers);
  await farm.define(server);
  await farm.listed(server);
  say(`${plan.servers} servers are listed`);
  const bearers: string[] = [];
  for (let i = 0; i < principals; i++) {
    const bindings = [{ role: "run", resource: "projects", name: project }];
    bearers.push(await createToken(server, `soak-${i}`, bindings));
  }
  const job = {
    url: `http://127.0.0.1:${server.port}/projects/${project}/mcp`,
    bearers,
    clients: plan.clients,
    duration: plan.seconds * 1000,
    seed: plan.seed,
    ...farm.tools(),
    ...longestCalls(),
    deadlyEvery: plan.faultEvery,
  } satisfies ClientsJob;
  const faults: Record<string, number> = {};
  let isOver = false;
  const calls = processes.ask<ClientsResult>("soak-mcp-clients.ts", job).finally(() => {
    isOver = true;
  });
  const resident: number[] = [];
  const sampling = setInterval(() => resident.push(costOf(server.pid).resident), sampleEvery);
  const random = seeded(plan.seed);
  while (!isOver) {
    await Bun.sleep(Math.min(plan.faultEvery * 2 * random(), 5000));
    const fault = isOver ? undefined : await farm.fault(server, random);
    if (fault) faults[fault] = (faults[fault] ?? 0) + 1;
  }
  clearInterval(sampling);
  const result = await calls;
  say("the clients have ended; the server is killed, started again and stopped");
  await farm.thaw();
  const before = farm.children();
  kill(server.pid, "SIGKILL");
  await server.stop();
  const second = await installation.start();
  await until(() => before.every(({ pid }) => !isRunning(pid, mark)));
  const leftAfterKill = before.filter(({ pid }) => isRunning(pid, mark)).map(({ line }) => line);
  // It works, and has programs again, which end with it.
  const { answered, wrong } = await processes.ask<ClientsResult>("soak-mcp-clients.ts", {
    ...job,
    url: `http://127.0.0.1:${second.port}/projects/${project}/mcp`,
    duration: 2000,
    clients: 10,
    deadlyEvery: 1e9,
  });
  await second.stop();
  const leftAfterStop = farm.children().map(({ line }) => line);
  return {
    ...result,
    wrong: [
      ...result.wrong,
      ...wrong,
      ...(answered === 0 ? ["nothing was answered after the second start"] : []),
    ],
    faults: { ...result.faults, ...faults },
    leftAfterKill,
    leftAfterStop,
    resident: thirdsOf(resident, warmUp / sampleEvery),
  };
}

/** A call waits for its turn, for a start, and for its answer; one that may be repeated has the last of these twice. */
function longestCalls(): Pick<ClientsJob, "longest" | "longestRepeated"> {
  const call = times.callSeconds * 1000;
  const longest = call + times.startSeconds * 1000 + call + margin;
  return { longest, longestRepeated: longest + call };
}
