import type { Beside } from "./beside.ts";
import { answer, chatRequest, chatRequests } from "./chat.ts";
import { furnish, type Installation, llms } from "./mcpctl.ts";
import { hasNginx, startNginxProxy, startNginxUpstream } from "./nginx.ts";
import { type Gateway, installPeers, type Peer, startMusistudio, startPortkey } from "./peers.ts";
import { familiesListeningOn, familyOf } from "./process-tree.ts";
import { costOfAll, freePort, type Processes, type Started } from "./processes.ts";
import { sendOnce } from "./send-once.ts";

/** Something that answers a request: the upstream alone, or a proxy in front of it. */
export interface Subject {
  name: string;
  /** All its processes. */
  pids: readonly number[];
  port: number;
  /** Whole requests of different lengths. */
  requests: readonly string[];
  /** Bytes that were resident before the first round. */
  idle: number;
}

/** All that are measured with the same load. */
export interface Subjects {
  /** The upstream itself. */
  direct: Subject;
  /** The plain proxy. */
  baseline: Subject;
  own: Subject;
  peers: readonly Subject[];
}

/** Name of the server under test in tables. */
export const ownName = "mcpctl";

const bareProxy = "a bare Bun proxy";

/** Processes behind all subjects, whichever lane runs. */
export interface Setting {
  processes: Processes;
  installation: Installation;
  /** Of a token that may run llms and nothing else. */
  bearer: string;
  /** Answers at once. */
  unstreamed: Started;
  /** Streams 50 tokens a second. */
  streamed: Started;
  withPeers: boolean;
  /** Gateways that run already. */
  beside: readonly Gateway[];
  /** Another build, with a data directory of its own. */
  against: FurnishedInstallation | undefined;
}

/** All that is measured besides the installation. */
export interface Company {
  /** True for the gateways that npm can install. */
  withPeers: boolean;
  /** Another build. */
  against?: Installation | undefined;
  beside: Beside;
}

/** A data directory with llms, and the bearer of a token that may run them. */
interface FurnishedInstallation {
  installation: Installation;
  bearer: string;
}

/** Starts the upstreams, and furnishes a data directory with llms that lead to them. */
export async function prepare(
  processes: Processes,
  installation: Installation,
  { withPeers, against, beside: { gateways, ports } }: Company,
): Promise<Setting> {
  const streamed = await startProgram(processes, "upstream", {}, ports.streamed);
  const unstreamed = hasNginx()
    ? await startNginxUpstream(processes, "nginx-upstream", ports.unstreamed ?? freePort(), answer)
    : await startProgram(processes, "upstream", {}, ports.unstreamed);
  if (withPeers) await installPeers();
  const furnished = async (installation: Installation): Promise<FurnishedInstallation> => {
    const server = await installation.start();
    const bearer = await furnish(server, { unstreamed: unstreamed.port, streamed: streamed.port });
    await server.stop();
    return { installation, bearer };
  };
  const own = await furnished(installation);
  return {
    processes,
    ...own,
    unstreamed,
    streamed,
    withPeers,
    beside: gateways,
    against: against && (await furnished(against)),
  };
}

/**
 * Starts every subject afresh, runs a measurement, and stops them.
 *
 * @param tokens how many each streamed answer is to have; answers are unstreamed when not given
 */
export async function withSubjects(
  { processes, installation, bearer, unstreamed, streamed, withPeers, beside, against }: Setting,
  tokens: number | undefined,
  measure: (subjects: Subjects) => Promise<void>,
): Promise<void> {
  const kind = tokens === undefined ? "unstreamed" : "streamed";
  const upstream = tokens === undefined ? unstreamed : streamed;
  const baseline = await startBaseline(processes, upstream.port);
  const own = await installation.start();
  const others = await against?.installation.start();
  const peers = withPeers ? await startPeers(processes, upstream.port) : [];
  const model = "bench-model";
  const ofServer = (bearer: string) => ({
    model: llms[kind],
    headers: { authorization: `Bearer ${bearer}` },
  });
  const gateways: (Gateway & { pid?: number })[] = [
    { ...upstream, name: "the upstream itself", model, headers: {} },
    { ...baseline, name: hasNginx() ? "nginx proxy_pass" : bareProxy, model, headers: {} },
    { ...own, name: ownName, ...ofServer(bearer) },
    ...(others ? [{ ...others, name: `${ownName}, the other build`, ...ofServer(against!.bearer) }] : []),
    ...peers,
    ...beside,
  ];
  for (const gateway of gateways)
    await Promise.all(Array.from({ length: firstCalls }, () => check(gateway, tokens !== undefined)));
  await Bun.sleep(rest);
  const [direct, plain, mcpctl, ...all] = gateways.map((gateway): Subject => {
    const { name, port, pid } = gateway;
    const pids = pid === undefined ? familiesListeningOn(port) : familyOf(pid);
    const requests = chatRequests({ ...gateway, ...(tokens !== undefined && { tokens }) });
    return { name, port, pids, requests, idle: costOfAll(pids).resident };
  });
  await measure({ direct: direct!, baseline: plain!, own: mcpctl!, peers: all });
  await Promise.all([baseline, own, ...(others ? [others] : []), ...peers].map((one) => one.stop()));
}

/** Time that all are left alone before their idle memory is read, in milliseconds. */
const rest = 2000;

/** Calls at once before a measurement: each process of a gateway loads and compiles its code at its first call. */
const firstCalls = 16;

/** Asks a gateway once. Throws unless it answers with 200: a load only counts what fails. */
async function check(gateway: Gateway, isStream: boolean): Promise<void> {
  const request = chatRequest({ ...gateway, ...(isStream && { tokens: 1 }) });
  const response = await sendOnce(gateway.port, request).catch((error: Error) => {
    throw new Error(`${gateway.name} does not answer on port ${gateway.port}: ${error.message}`);
  });
  const text = await response.text();
  if (response.status !== 200) throw new Error(`${gateway.name}: ${response.status} ${text.slice(0, 300)}`);
}

function startBaseline(processes: Processes, upstream: number): Promise<Started> {
  return hasNginx()
    ? startNginxProxy(processes, "nginx-proxy", freePort(), upstream)
    : startProgram(processes, "plain-proxy", { upstream });
}

/** Other gateways, and what Bun itself can do. */
async function startPeers(processes: Processes, upstream: number): Promise<Peer[]> {
  const bare = await startProgram(processes, "plain-proxy", { upstream });
  return [
    { ...bare, name: bareProxy, model: "bench-model", headers: {} },
    await startPortkey(processes, upstream),
    await startMusistudio(processes, upstream),
  ];
}

/** Starts one of this folder's servers. */
function startProgram(
  processes: Processes,
  name: string,
  settings: object,
  port = freePort(),
): Promise<Started> {
  const command = [
    process.execPath,
    `${import.meta.dirname}/${name}.ts`,
    JSON.stringify({ ...settings, port }),
  ];
  return processes.startServer(name, command, port);
}
