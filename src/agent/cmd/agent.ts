import { join } from "node:path";
import { type AgentEndpoint, resolveForAgent } from "../../cli/client/endpoint.ts";
import { defineGroup, defineVerb } from "../../cli/core/command.ts";
import type { Context } from "../../cli/core/context.ts";
import { AppError } from "../../errors.ts";
import { createLog, type Log, logFormats } from "../../log.ts";
import { createOutbound } from "../../net/outbound.ts";
import { proxiedFetch, proxiedWebSocket, trustingFetch, trustingWebSocket } from "../../net/proxied.ts";
import { homeFolder } from "../../processes/home-folder.ts";
import { launchHost } from "../../processes/launch/prepare.ts";
import { reapOrphans } from "../../processes/orphan-zombies.ts";
import { releasePagesAfterStart } from "../../processes/program-pages.ts";
import { type StopSignals, stopSignals } from "../../processes/stop-signals.ts";
import { proxyRule } from "../../proxies.ts";
import { type ServiceManager, serviceManager } from "../../systemd.ts";
import { systemTime as time } from "../../time.ts";
import { controlSocket } from "../../wire/agent-control.ts";
import { type Agent, createAgent } from "../agent.ts";
import { configPath, configPlace } from "../config/parse.ts";
import { readAgentConfig, watchAgentConfig } from "../config/watch.ts";
import { openControl } from "../control.ts";
import { type LocalEndpoint, openLocalEndpoint } from "../endpoint/local-endpoint.ts";
import { sweepPrograms } from "../mcp/connect.ts";
import { ManagedMcpServers } from "../mcp/mcp-servers.ts";
import { createProviders } from "../providers/providers.ts";
import { openSessionFile } from "../session/session-file.ts";
import type { SocketConstructor } from "../transports/websocket.ts";

const meta = {
  name: "agent",
  description: "Publish the models of this machine, and serve its tools",
  about: `The agent connects to the server and publishes the models that ~/.mcpctl/config.json names under
    llm.providers, the personas under agents, and the MCP servers under mcpServers. The server learns neither the address of this machine nor its keys,
    and no port is opened to the network. What is published is private to you until you share it. It needs a token or
    a login that may expose llms.

    Tools on this machine can call http://127.0.0.1:7778/v1 like the server. A local model with failoverFor responds
    there in place of the server's llm while that fails.`,
  examples: [
    ["mcpctl agent discover", "Find the models of this machine"],
    ["mcpctl agent publish ollama-qwen3-8b", "Add one of them to the config, published"],
    ["mcpctl agent", "Publish the models of the config until it is stopped"],
    ["mcpctl agent --listen none", "Publish them without the endpoint for local tools"],
    ["mcpctl agent install", "Run it as a service"],
  ],
} as const;

const run = defineVerb({
  meta,
  args: {
    listen: {
      type: "string",
      valueHint: "HOST:PORT",
      description: "Serve local tools on this address, or none (default 127.0.0.1:7778)",
    },
    "log-format": { type: "enum", options: logFormats, description: "Format of the log (default text)" },
  },
  async run(args, context) {
    const manager = await serviceManager(process.env);
    const listen = parseListen(args.listen ?? "127.0.0.1:7778");
    const endpoint = await resolveForAgent(context);
    // A missing bearer is reported at the start, and not only in the log.
    endpoint.token();
    // Every file that the agent writes is private (T86).
    process.umask(0o077);
    const log = createLog(process.stderr, args["log-format"] ?? "text");
    const stops = stopSignals();
    const closes: (() => unknown)[] = [manager.close, stops.ignore, await reapOrphans()];
    try {
      const listenIsAsked = args.listen !== undefined;
      const agent = await open({ context, endpoint, listen, listenIsAsked, log, closes });
      // The watchdog restarts a process that hangs. A server that cannot be reached is no reason for that.
      manager.watch(async () => {});
      manager.ready(`publishes to ${endpoint.url}`);
      releasePagesAfterStart();
      if (!stops.first.aborted) await untilOver(agent, { stops, log, manager });
    } finally {
      for (const close of closes.reverse()) await close();
    }
    log.info("stopped");
  },
});

export const agent = defineGroup(
  meta,
  {
    discover: {
      summary: "Find the models that run on this machine, and MCP servers",
      load: async () => (await import("./discover.ts")).discoverVerb,
    },
    publish: {
      summary: "Publish models, MCP servers or personas of this machine",
      load: async () => (await import("./publish.ts")).publishVerb,
    },
    unpublish: {
      summary: "Withdraw what this machine publishes",
      load: async () => (await import("./publish.ts")).unpublishVerb,
    },
    install: {
      summary: "Run the agent as a service of your user",
      load: async () => (await import("./install.ts")).installVerb,
    },
    uninstall: {
      summary: "Stop the service and remove it",
      load: async () => (await import("./install.ts")).uninstallVerb,
    },
  },
  run,
);

interface Opening {
  context: Context;
  endpoint: AgentEndpoint;
  listen: { hostname: string; port: number } | undefined;
  /** True if the address was given by --listen. */
  listenIsAsked: boolean;
  log: Log;
  /** Functions that close what was opened; the last one is called first. */
  closes: (() => unknown)[];
}

/** Opens all parts of an agent. The socket, which is the lock, comes before anything that changes this machine. */
async function open({ context, endpoint, listen, listenIsAsked, log, closes }: Opening): Promise<Agent> {
  const { env, home } = context;
  const place = configPlace(home, homeFolder(env));
  const path = configPath(place);
  const config = readAgentConfig(path, place);
  const proxyFor = proxyRule(env);
  const outbound = createOutbound({ proxyFor });
  closes.push(() => outbound.close());
  const providers = createProviders({ outbound, home, env, cwd: place.userHome, log, time });
  const mcpServers = new ManagedMcpServers({ host: launchHost(env), outbound, home, log, time });
  let agent: Agent | undefined;
  let local: LocalEndpoint | undefined;
  const control = await openControl({
    path: join(home, controlSocket),
    providers,
    mcpServers,
    status: () => ({ ...agent?.report(), endpoint: local?.url ?? null }),
    log,
    fetch,
  });
  closes.push(() => control.close());
  const { ca } = endpoint;
  const webSocket = WebSocket as unknown as SocketConstructor;
  agent = createAgent({
    endpoint,
    providers,
    mcpServers,
    sessionFile: openSessionFile(home, log),
    fetch: proxiedFetch(proxyFor, ca ? trustingFetch(ca, fetch) : fetch),
    WebSocket: proxiedWebSocket(proxyFor, ca ? trustingWebSocket(ca, webSocket) : webSocket),
    time,
    bootId: crypto.randomUUID(),
    ...(config.workstation !== undefined && { workstation: config.workstation }),
    log,
  });
  closes.push(agent.close);
  try {
    const toServer = ca ? createOutbound({ proxyFor, ca: ca.join("\n") }) : outbound;
    if (ca) closes.push(() => toServer.close());
    local =
      listen &&
      openLocalEndpoint({ listen, server: endpoint.url, providers, outbound: toServer, log: log.info });
  } catch (error) {
    // Only one user of a machine can have the default address; agents of other users publish without it.
    if (listenIsAsked || !(error instanceof AppError)) throw error;
    log.warn(`${error.message}: local tools cannot call this agent; choose another address with --listen`);
  }
  if (local) {
    closes.push(local.close);
    log.info(`local tools can call ${local.url}`);
  }
  for (const fault of await sweepPrograms(home, env)) log.error(fault);
  mcpServers.apply(config.mcpServers);
  await providers.apply(config);
  const onConfig = (changed: typeof config) => {
    mcpServers.apply(changed.mcpServers);
    providers
      .apply(changed)
      .catch((error: Error) => log.error(`the new config cannot be applied: ${error.message}`));
  };
  closes.push(watchAgentConfig(config, { path, place, log, time, onConfig }));
  return agent;
}

/** Runs the agent until a first signal, and then until its tasks are over; a second signal stops it at once. */
async function untilOver(
  agent: Agent,
  { stops, log, manager }: { stops: StopSignals; log: Log; manager: ServiceManager },
): Promise<void> {
  const { first, second } = stops;
  const stop = new AbortController();
  second.addEventListener("abort", () => stop.abort(), { once: true });
  const running = agent.run(stop.signal);
  const signalled = new Promise<void>((resolve) =>
    first.addEventListener("abort", () => resolve(), { once: true }),
  );
  await Promise.race([running, signalled]);
  manager.stopping("finishing running calls");
  log.info("finishing running calls; a second signal stops at once");
  await Promise.race([running, agent.drain()]);
  stop.abort();
  await running;
}

function parseListen(text: string): { hostname: string; port: number } | undefined {
  if (text === "none") return undefined;
  const match = /^(\[[0-9a-f:.]+\]|[^:]+):(\d{1,5})$/i.exec(text);
  const port = Number(match?.[2]);
  if (!match || port > 65_535)
    throw new AppError("usage", `--listen: "${text}" is not HOST:PORT`, {
      hint: "for example 127.0.0.1:7778, or none",
    });
  return { hostname: match[1]!.replace(/^\[|\]$/g, ""), port };
}
