import { type FaultyProxy, faultyProxy } from "../test/support/faulty-proxy.ts";
import { published, publisher, startLocalModel, Workstation } from "./agents.ts";
import { furnish, Installation, type Mcpctl, mcpctlCommand } from "./mcpctl.ts";
import { costOf, Processes } from "./processes.ts";
import { seeded } from "./seeded.ts";
import { callForStream } from "./soak-caller.ts";
import { median } from "./stats.ts";

export interface LinkSoakPlan {
  seconds: number;
  /** It goes on beyond its seconds, three minutes at most, until so many streams were whole: a slow machine has fewer. */
  atLeast?: number;
  agents: number;
  /** Streams under way at a time. */
  streams: number;
  /** Milliseconds from one fault to the next, on average. */
  faultEvery: number;
  seed: number;
  /** Another build than `dist/mcpctl`. */
  binary?: string;
  /** Variables of the server's environment. */
  env?: Record<string, string> | undefined;
}

export interface LinkSoakResult {
  /** Streams that were whole, each token once and in order. */
  whole: number;
  /** Number of streams that ended in one clear error, by its code. */
  errors: Record<string, number>;
  /** Endings of other streams; there must be none. */
  wrong: string[];
  /** Streams that did not end in time: how far they came. */
  hung: string[];
  /** The longest that a stream took beyond what its tokens need, in milliseconds. */
  longestOver: number;
  faults: Record<Fault, number>;
  /** Milliseconds from the last fault until all models could be called again. */
  recovered: number;
  /** Bytes resident in the first third of the time and in the last, in the middle of each; of agents, the middle one's. */
  resident: Record<"server" | "agent", { first: number; last: number }>;
}

type Fault = "kill" | "cut" | "reset" | "stall";

/** A workstation and its way to the server. */
interface Site {
  station: Workstation;
  proxy: FaultyProxy;
  /** A fault is at work. */
  troubled: boolean;
  startedAt: number;
}

/** Milliseconds from one token to the next. */
const every = 50;
const poolName = "soak-pool";
/** Time that a stream may take beyond its tokens, in milliseconds: an agent that went silent counts as gone after 90 s. */
const patience = 110_000;
/** An agent younger than this has not come to rest, in milliseconds. */
const settled = 10_000;

/**
 * Streams from many workstations' models while agents are killed with -9 and their ways to the server are cut, reset
 * and stalled. Half of the agents have no WebSockets; half are in a pool. All that is started is gone when it returns.
 */
export async function soakLink(plan: LinkSoakPlan, say: (line: string) => void): Promise<LinkSoakResult> {
  const processes = new Processes();
  const ending: (() => void | Promise<void>)[] = [];
  try {
    return await run(plan, processes, (what) => void ending.push(what), say);
  } finally {
    for (const end of ending) await end();
    processes.killAll();
  }
}

async function run(
  plan: LinkSoakPlan,
  processes: Processes,
  atEnd: (what: () => void | Promise<void>) => void,
  say: (line: string) => void,
): Promise<LinkSoakResult> {
  const random = seeded(plan.seed);
  const fault = faultsFrom(random);
  // Callers take turns by chance: from the same numbers they would take others away from the faults.
  const choose = seeded(plan.seed + 1);
  const command = mcpctlCommand(plan.binary);
  const model = await startLocalModel(processes);
  const server = await new Installation(processes, command, "mcpctl", plan.env).start();
  const bearer = await furnish(server, { unstreamed: model.port, streamed: model.port });
  const publishing = await publisher(server);
  const names = Array.from({ length: plan.agents }, (_, i) => `soak-${i + 1}`);
  const sites = names.map((name, i): Site => {
    const proxy = faultyProxy(server.port, i % 2 === 0 ? {} : { blockUpgrade: "refuse" }, atEnd);
    const station = new Workstation(processes, command, {
      name,
      server: proxy.port,
      bearer: publishing,
      model: model.port,
      publishes: [{ name, model: `every-${every}ms`, ...(i % 4 < 2 && { poolName }) }],
    });
    station.start();
    return { station, proxy, troubled: false, startedAt: performance.now() };
  });
  const stations = sites.map(({ station }) => station);
  await published(server, stations);
  say(`${plan.agents} agents are attached`);

  const result: LinkSoakResult = {
    whole: 0,
    errors: {},
    wrong: [],
    hung: [],
    longestOver: 0,
    faults: { kill: 0, cut: 0, reset: 0, stall: 0 },
    recovered: 0,
    resident: { server: { first: 0, last: 0 }, agent: { first: 0, last: 0 } },
  };
  const start = performance.now();
  const isOver = () => {
    const seconds = (performance.now() - start) / 1000;
    return seconds >= plan.seconds && (result.whole >= (plan.atLeast ?? 0) || seconds >= 180);
  };
  const memory = new Memory(server, sites);
  const caller = async () => {
    while (!isOver()) {
      const tokens = 10 + Math.floor(choose() * 90);
      const startedAt = performance.now();
      const ending = await callForStream({
        port: server.port,
        bearer,
        model: names[Math.floor(choose() * names.length)]!,
        tokens,
        deadline: tokens * every + patience,
      });
      result.longestOver = Math.max(result.longestOver, performance.now() - startedAt - tokens * every);
      if ("hung" in ending) result.hung.push(ending.hung);
      else if ("whole" in ending) result.whole++;
      else if ("wrong" in ending) result.wrong.push(ending.wrong);
      else {
        result.errors[ending.error] = (result.errors[ending.error] ?? 0) + 1;
        // Whoever was refused does not ask again at once.
        await Bun.sleep(50 + 200 * choose());
      }
    }
  };
  const callers = Promise.all(Array.from({ length: plan.streams }, caller));
  const troubles: Promise<void>[] = [];
  while (!isOver()) {
    await Bun.sleep(plan.faultEvery * 2 * random());
    memory.sample();
    const site = sites[Math.floor(random() * sites.length)]!;
    if (!site.troubled) troubles.push(trouble(site, fault(), random, result.faults));
  }
  await Promise.all(troubles);
  const lastFault = performance.now();
  await published(server, stations, 60_000);
  result.recovered = performance.now() - lastFault;
  await callers;
  result.resident = memory.thirds();
  await Promise.all(sites.map(({ station }) => station.stop()));
  await server.stop();
  return result;
}

/** Returns the next fault: all of them in each six, in any order. Half are stalls, of which nobody is told. */
function faultsFrom(random: () => number): () => Fault {
  let deck: Fault[] = [];
  return () => {
    if (deck.length === 0) deck = ["kill", "cut", "reset", "stall", "stall", "stall"];
    return deck.splice(Math.floor(random() * deck.length), 1)[0]!;
  };
}

/** Makes one fault, and returns when it is over. */
async function trouble(
  site: Site,
  fault: Fault,
  random: () => number,
  faults: Record<Fault, number>,
): Promise<void> {
  site.troubled = true;
  faults[fault]++;
  const { station, proxy } = site;
  if (fault === "kill") {
    await station.kill();
    await Bun.sleep(1000 * random());
    station.start();
    site.startedAt = performance.now();
  } else if (fault === "stall") {
    const way = (["up", "down", undefined] as const)[Math.floor(random() * 3)];
    proxy.stall(way);
    // Most are over soon; some last longer than running work is held for.
    await Bun.sleep(random() < 0.8 ? 3000 * random() : 20_000 * random());
    proxy.resume();
  } else proxy[fault]();
  site.troubled = false;
}

/** Resident memory of server and agents over the time. */
class Memory {
  readonly #server: Mcpctl;
  readonly #sites: readonly Site[];
  readonly #samples: { server: number; agent: number }[] = [];

  constructor(server: Mcpctl, sites: readonly Site[]) {
    this.#server = server;
    this.#sites = sites;
  }

  sample(): void {
    const now = performance.now();
    const agents = this.#sites
      .filter(({ station, startedAt }) => station.pid !== undefined && now - startedAt > settled)
      .map(({ station }) => costOf(station.pid!).resident);
    this.#samples.push({ server: costOf(this.#server.pid).resident, agent: median(agents) });
  }

  thirds(): LinkSoakResult["resident"] {
    const third = Math.ceil(this.#samples.length / 3);
    const middle = (of: "server" | "agent") => {
      const figures = this.#samples.map((sample) => sample[of]);
      const known = (part: number[]) => median(part.filter((figure) => !Number.isNaN(figure)));
      return { first: known(figures.slice(0, third)), last: known(figures.slice(-third)) };
    };
    return { server: middle("server"), agent: middle("agent") };
  }
}
