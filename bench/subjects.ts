import { answer, chatRequest } from "./chat.ts";
import { furnish, type Installation, llms } from "./mcpctl.ts";
import { hasNginx, startNginxProxy, startNginxUpstream } from "./nginx.ts";
import { installPeers, type Peer, startMusistudio, startPortkey } from "./peers.ts";
import { freePort, type Processes, type Started } from "./processes.ts";

/** Something that answers a request: the upstream alone, or a proxy in front of it. */
export interface Subject {
  name: string;
  pid: number;
  port: number;
  request: string;
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
  /** Another build, with a data directory of its own. */
  against: FurnishedInstallation | undefined;
}

/** A data directory with llms, and the bearer of a token that may run them. */
interface FurnishedInstallation {
  installation: Installation;
  bearer: string;
}

/**
 * Starts the upstreams, and furnishes a data directory with llms that lead to them.
 *
 * @param against another build
 */
export async function prepare(
  processes: Processes,
  installation: Installation,
  withPeers: boolean,
  against?: Installation,
): Promise<Setting> {
  const streamed = await startProgram(processes, "upstream", {});
  const unstreamed = hasNginx()
    ? await startNginxUpstream(processes, "nginx-upstream", freePort(), answer)
    : streamed;
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
    against: against && (await furnished(against)),
  };
}

/**
 * Starts every subject afresh, runs a measurement, and stops them.
 *
 * @param tokens how many each streamed answer is to have; answers are unstreamed when not given
 */
export async function withSubjects(
  { processes, installation, bearer, unstreamed, streamed, withPeers, against }: Setting,
  tokens: number | undefined,
  measure: (subjects: Subjects) => Promise<void>,
): Promise<void> {
  const kind = tokens === undefined ? "unstreamed" : "streamed";
  const upstream = tokens === undefined ? unstreamed : streamed;
  const ask = { ...(tokens !== undefined && { tokens }) };
  const subject = (name: string, started: Started, model: string, headers = {}): Subject => ({
    name,
    pid: started.pid,
    port: started.port,
    request: chatRequest({ port: started.port, model, headers, ...ask }),
  });
  const baseline = await startBaseline(processes, upstream.port);
  const own = await installation.start();
  const peers = withPeers ? await startPeers(processes, upstream.port) : [];
  if (against) {
    const started = await against.installation.start();
    const headers = { authorization: `Bearer ${against.bearer}` };
    peers.unshift({ name: `${ownName}, the other build`, started, model: llms[kind], headers });
  }
  await measure({
    direct: subject("the upstream itself", upstream, "bench-model"),
    baseline: subject(hasNginx() ? "nginx proxy_pass" : "a bare Bun proxy", baseline, "bench-model"),
    own: subject(ownName, own, llms[kind], { authorization: `Bearer ${bearer}` }),
    peers: peers.map(({ name, started, model, headers }) => subject(name, started, model, headers)),
  });
  await Promise.all([baseline, own, ...peers.map(({ started }) => started)].map((one) => one.stop()));
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
    { name: "a bare Bun proxy", started: bare, model: "bench-model", headers: {} },
    await startPortkey(processes, upstream),
    await startMusistudio(processes, upstream),
  ];
}

/** Starts one of this folder's servers on a free port. */
function startProgram(processes: Processes, name: string, settings: object): Promise<Started> {
  const port = freePort();
  const command = [
    process.execPath,
    `${import.meta.dirname}/${name}.ts`,
    JSON.stringify({ ...settings, port }),
  ];
  return processes.startServer(name, command, port);
}
