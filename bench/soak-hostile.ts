import { join } from "node:path";
import type { Flood, FloodResult } from "./hostile-flood.ts";
import { answerForms } from "./hostile-provider.ts";
import { create, createToken, Installation, type Mcpctl, mcpctlCommand } from "./mcpctl.ts";
import {
  bareEnvironment,
  costOf,
  freePort,
  type Processes,
  waitedForProcessor,
  withProcesses,
} from "./processes.ts";
import { separateAttackers } from "./processors.ts";
import { type Latency, Samples } from "./stats.ts";

export interface HostileSoakPlan {
  seconds: number;
  /** As `least` of the flood. */
  least?: number;
  /** Attacks at a time. */
  width: number;
  /** The most bytes of a body. */
  bytes: number;
  seed: number;
  /** Another build than `dist/mcpctl`. */
  binary?: string;
  /** Variables of the server's environment. */
  env?: Record<string, string> | undefined;
}

export interface HostileSoakResult {
  attacks: FloodResult;
  /** Endings that must not be: an attack that hangs, a 500, or the server or a command that is gone. */
  wrong: string[];
  /** Milliseconds of calls of an honest caller, without the time for which server and caller waited for a processor. */
  honest: { before: Latency; beside: Latency; failed: string[] };
  /** Milliseconds by which the event loop was late. `max` is without the time for which it waited for a processor. */
  delay: { before: LoopDelay; beside: LoopDelay };
  /** The time of some work beside the flood, as a multiple of that on a quiet machine: see `slowness`. */
  slowness: number;
  /** The part of the time for which the server waited for a processor: before the flood, and beside it. */
  waited: { before: number; beside: number };
  /** Resident bytes of the server: before, at most, and after the flood. */
  resident: { before: number; most: number; after: number };
  /** Resident bytes of the largest command line. */
  commandLine: number;
}

interface LoopDelay {
  p99: number;
  max: number;
  /** Most processor time that the server used in one delay: other programs have no part in it. */
  own: number;
}

/** Milliseconds without attacks, for the figures before the flood. */
const calm = 3000;
/** The longest that memory may take to return, in milliseconds. */
const settling = 30_000;
/** Memory counts as returned below the figure before and so many bytes. */
export const returnedWithin = 250e6;

/**
 * Floods the compiled server at every route, at the link and through the answers of providers, and its command line
 * through the answers of a server, while an honest caller calls. All that is started is gone when it returns.
 */
export function soakHostile(plan: HostileSoakPlan, say: (line: string) => void): Promise<HostileSoakResult> {
  return withProcesses((processes) => run(plan, processes, say));
}

async function run(
  plan: HostileSoakPlan,
  processes: Processes,
  say: (line: string) => void,
): Promise<HostileSoakResult> {
  const command = mcpctlCommand(plan.binary);
  const port = freePort();
  const program = (name: string, job: object) => [
    process.execPath,
    join(import.meta.dirname, name),
    JSON.stringify(job),
  ];
  const through = separateAttackers();
  await processes.startServer("provider", [...through, ...program("hostile-provider.ts", { port })], port);
  const honestPort = freePort();
  await processes.startServer("honest", program("hostile-provider.ts", { port: honestPort }), honestPort);
  const server = await new Installation(processes, command, "mcpctl", plan.env).start();
  for (const form of answerForms) {
    const llm = { name: `hostile-${form}`, type: "openai", model: form, url: `http://127.0.0.1:${port}` };
    await create(server, "llms?probe=false", llm);
  }
  const honest = { name: "honest", type: "openai", model: "good", url: `http://127.0.0.1:${honestPort}` };
  await create(server, "llms?probe=false", honest);
  // The llm of hostile bodies: a call of a model that does not exist would never be translated and sent.
  await create(server, "llms?probe=false", { ...honest, name: "soak", url: `http://127.0.0.1:${port}` });
  const caller = await createToken(server, "caller", [{ role: "run", resource: "llms" }]);
  const publisher = await createToken(server, "publisher", [{ role: "expose", resource: "llms" }]);

  const watch = new Watch(server, caller);
  await Bun.sleep(calm);
  const before = await watch.lap();
  say("the flood begins");
  const flood: Flood = { ...plan, port: server.port, caller, publisher };
  const commandLine = attackCommandLine([...through, ...command], port, plan.seconds);
  const attacks = await processes.ask<FloodResult>("hostile-flood.ts", flood, through);
  const { wrong, resident: largest } = await commandLine;
  const beside = await watch.lap();
  const after = await settled(server, before.resident);
  await watch.stop();
  for (const [attack, endings] of Object.entries(attacks))
    for (const ending of ["hung", "500"])
      if (endings[ending]) wrong.push(`${attack}: ${endings[ending]} times ${ending}`);
  await server.stop();
  return {
    attacks,
    wrong,
    honest: { before: before.calls, beside: beside.calls, failed: watch.failed },
    delay: { before: before.delay, beside: beside.delay },
    slowness: beside.slowness,
    waited: { before: before.waited, beside: beside.waited },
    resident: { before: before.resident, most: beside.most, after },
    commandLine: largest,
  };
}

/** Calls as an honest caller ten times a second, and reads the figures of the server each second. */
class Watch {
  /** Calls that were not answered with 200. */
  readonly failed: string[] = [];
  readonly #server: Mcpctl;
  readonly #bearer: string;
  readonly #timers: Timer[];
  readonly #underWay = new Set<Promise<void>>();
  #calls = new Samples(100_000);
  #longest = 0;
  #own = 0;
  #slowness: number[] = [];
  /** Number of readings, and of steps that were measured. */
  #readings = 0;
  #steps = 0;
  #most = 0;
  #counts = new Map<number, number>();
  /** The begin of the lap, and the server's wait for a processor then and at the last reading. */
  #began = performance.now();
  #waitedBefore = 0;
  #waited = 0;

  constructor(server: Mcpctl, bearer: string) {
    this.#server = server;
    this.#bearer = bearer;
    this.#waitedBefore = this.#waited = waitedForProcessor(server.pid);
    this.#timers = [this.#every(100, () => this.#call()), this.#every(1000, () => this.#read())];
  }

  #every(milliseconds: number, work: () => Promise<void>): Timer {
    return setInterval(() => {
      const one: Promise<void> = work().finally(() => this.#underWay.delete(one));
      this.#underWay.add(one);
    }, milliseconds);
  }

  /** Begins no more requests, and waits for those under way: the end of the server would cut them. */
  async stop(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    await Promise.all(this.#underWay);
  }

  /** Returns the figures since the last lap. */
  async lap() {
    const counts = this.#counts;
    await this.#read();
    const figures = {
      calls: this.#calls.latency(),
      delay: { p99: p99Of(counts, this.#counts), max: this.#longest, own: this.#own },
      slowness: median(this.#slowness),
      waited: (this.#waited - this.#waitedBefore) / (performance.now() - this.#began),
      resident: costOf(this.#server.pid).resident,
      most: this.#most,
    };
    this.#calls = new Samples(100_000);
    this.#longest = 0;
    this.#own = 0;
    this.#slowness = [];
    this.#most = 0;
    this.#began = performance.now();
    this.#waitedBefore = this.#waited;
    return figures;
  }

  async #call(): Promise<void> {
    const calls = this.#calls;
    const startedAt = performance.now();
    const waitedBefore = this.#waitedInAll();
    const steps = this.#steps;
    const ending = await fetch(`http://127.0.0.1:${this.#server.port}/v1/chat/completions`, {
      method: "POST",
      headers: { authorization: `Bearer ${this.#bearer}`, "content-type": "application/json" },
      body: '{"model":"honest","messages":[{"role":"user","content":"hi"}]}',
      signal: AbortSignal.timeout(settling),
    }).then(
      (response) => response.text().then(() => response.status),
      (error: Error) => `${error.name}: ${error.message}`,
    );
    if (steps === this.#steps)
      calls.add(Math.max(0, performance.now() - startedAt - (this.#waitedInAll() - waitedBefore)));
    if (ending !== 200) this.failed.push(String(ending));
  }

  /** Milliseconds for which server and caller have waited for a processor. */
  #waitedInAll(): number {
    return waitedForProcessor(this.#server.pid) + waitedForProcessor(process.pid);
  }

  async #read(): Promise<void> {
    if (this.#readings++ % stepInterval === 0) {
      // Calls meanwhile are not counted: it is this process that makes them late.
      this.#steps++;
      this.#slowness.push(slowness());
    }
    this.#most = Math.max(this.#most, costOf(this.#server.pid).resident);
    const response = await fetch("http://localhost/metrics", { unix: this.#server.socket });
    const text = await response.text();
    const gauge = (name: string) =>
      1000 * Number(new RegExp(`^mcpctl_event_loop_${name}_seconds (\\S+)$`, "m").exec(text)?.[1]);
    this.#own = Math.max(this.#own, gauge("busy"));
    const waited = waitedForProcessor(this.#server.pid);
    this.#longest = Math.max(this.#longest, gauge("lag") - (waited - this.#waited));
    this.#waited = waited;
    const buckets = text.matchAll(/^mcpctl_event_loop_delay_seconds_bucket\{le="(\S+)"\} (\d+)$/gm);
    this.#counts = new Map(
      Array.from(buckets, ([, limit, count]) => [
        limit === "+Inf" ? Number.POSITIVE_INFINITY : Number(limit),
        Number(count),
      ]),
    );
  }
}

/** Seconds between two measurements of a step. */
const stepInterval = 4;
const utf8 = new TextDecoder();
/** Decoded it takes two bytes for each letter, because of the last one, all of them new from the system. */
const mixedText = Buffer.from(`${"x".repeat(15_000_000)}漢`);
/** Processor time of decoding it on the quiet machine on which the limits were set, in milliseconds. */
const quietStep = 16;

/** Returns how many times as long the same work takes now as on a quiet machine, in processor time; 1 at least. */
function slowness(): number {
  const before = process.threadCpuUsage();
  utf8.decode(mixedText);
  const { user, system } = process.threadCpuUsage(before);
  return Math.max(1, (user + system) / 1000 / quietStep);
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 1;
}

/** The upper limit, in milliseconds, of the bucket with the 99th percentile between two readings of a histogram. */
function p99Of(before: ReadonlyMap<number, number>, after: ReadonlyMap<number, number>): number {
  const count = (limit: number) => (after.get(limit) ?? 0) - (before.get(limit) ?? 0);
  const all = count(Number.POSITIVE_INFINITY);
  return 1000 * ([...after.keys()].find((limit) => count(limit) >= 0.99 * all) ?? Number.NaN);
}

/** Runs the command line against a server that means ill, one answer after another. */
async function attackCommandLine(
  command: readonly string[],
  port: number,
  seconds: number,
): Promise<{ wrong: string[]; resident: number }> {
  const end = performance.now() + seconds * 1000;
  const wrong: string[] = [];
  let resident = 0;
  for (let turn = 0; performance.now() < end; turn++) {
    const form = answerForms[turn % answerForms.length]!;
    const child = Bun.spawn([...command, "get", "llms", "--timeout", "20s"], {
      env: {
        ...bareEnvironment,
        HOME: "/nonexistent",
        MCPCTL_SERVER: `http://127.0.0.1:${port}`,
        MCPCTL_TOKEN: form,
      },
      stdout: "ignore",
      stderr: "ignore",
    });
    const late = setTimeout(() => child.kill("SIGKILL"), 60_000);
    await child.exited;
    clearTimeout(late);
    resident = Math.max(resident, child.resourceUsage()?.maxRSS ?? 0);
    if (child.signalCode !== null)
      wrong.push(`mcpctl get, answered with ${form}: ended by ${child.signalCode}`);
    await Bun.sleep(200);
  }
  return { wrong, resident };
}

/** Returns the resident bytes once they have returned to what they were, or after a while. */
async function settled({ pid }: Mcpctl, before: number): Promise<number> {
  const end = performance.now() + settling;
  while (true) {
    const { resident } = costOf(pid);
    if (resident < before + returnedWithin || performance.now() > end) return resident;
    await Bun.sleep(250);
  }
}
