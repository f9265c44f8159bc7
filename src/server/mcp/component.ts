import type { Principal } from "../core/access/policy.ts";
import type { Component } from "../core/lifecycle.ts";
import type { ProjectTools } from "../inference/personas/tools/offered-tools.ts";
import type { Backends } from "../secrets/backends.ts";
import type { SecretWrites } from "../secrets/secret-writes.ts";
import type { VirtualServers } from "../workstations/virtual-servers.ts";
import { AuthorizationStore } from "./authorization/authorization-store.ts";
import { clientDocumentUrl } from "./authorization/client-document.ts";
import { LoginNetwork, type LoginNetworkOptions } from "./authorization/login-network.ts";
import { Logins } from "./authorization/logins.ts";
import { openContent } from "./content/open-content.ts";
import type { ResultCache } from "./content/result-cache.ts";
import type { McpEndpoint } from "./endpoint/endpoint.ts";
import type { EndpointRequest, EndpointServices } from "./endpoint/endpoint-types.ts";
import { type OpenEndpointOptions, openEndpoint } from "./endpoint/open.ts";
import { samplerOf } from "./endpoint/sampling.ts";
import { Summaries } from "./gate/summaries.ts";
import type { InstanceLogs } from "./instances/logs/logs.ts";
import { ServerInstances, type ServerInstancesOptions } from "./instances/servers.ts";
import { McpCallLimiter } from "./limits/call-limiter.ts";
import { PersonaTools } from "./personas/persona-tools.ts";
import { type Infer, projectLlmOf } from "./project-llm.ts";
import { RoutedServers } from "./routed-servers.ts";
import type { McpCluster, SharedInstances } from "./shared-instances.ts";
import { Traffic } from "./traffic/traffic.ts";
import { FollowedServers } from "./workstations/followed-servers.ts";
import { WorkstationServers } from "./workstations/workstation-servers.ts";

/** MCP servers and the endpoints of projects. */
export interface Mcp {
  endpoint: McpEndpoint;
  /** The tools of projects, for personas. */
  tools: ProjectTools;
  /** Decides which prompts a model gets. */
  gate: EndpointServices["gate"];
  /** The access to servers elsewhere. */
  logins: Logins;
  /** The logs of instances, on all hosts. */
  logs: InstanceLogs;
  /** The results that are kept for their clients, on all hosts. */
  cache: ResultCache;
  /** The messages of projects that are kept in memory. */
  traffic: Traffic;
  /** The limits on calls of MCP servers. */
  limits: McpCallLimiter;
}

export interface McpOptions
  extends Omit<ServerInstancesOptions, "tokens" | "userKeys">,
    Omit<
      OpenEndpointOptions,
      "servers" | "admit" | "sample" | "askLlm" | "tap" | "content" | "cache" | "clients"
    >,
    LoginNetworkOptions {
  infer: Infer;
  requestId(): string;
  workstations: VirtualServers;
  backends: Backends;
  secretWrites: SecretWrites;
  publicUrls: readonly string[];
  /** Set if several servers of mcpctl share the database. */
  cluster?: McpCluster;
}

/** Milliseconds between two looks at the calls that other servers of mcpctl have let in. */
const learnInterval = 1000;

/** Milliseconds between two looks for sessions that nobody uses any more. */
const sweepInterval = 60_000;

/** Starts what serves projects to MCP clients. It ends the processes of servers when it closes. */
export function mcpComponent(options: McpOptions): Component<Mcp> {
  const { cluster, catalogue, publicUrls } = options;
  const authorizations = new AuthorizationStore(options);
  const logins = new Logins({
    ...options,
    store: authorizations,
    network: new LoginNetwork(options),
    isShared: cluster !== undefined,
    documentUrl: clientDocumentUrl(publicUrls),
  });
  const { tokens, keys: userKeys } = logins;
  const instances = new ServerInstances({
    ...options,
    tokens,
    userKeys,
    ...(cluster && { claims: cluster.claims }),
  });
  const askLlm = projectLlmOf(options.infer);
  const content = openContent({ ...options, askLlm, snapshot: () => catalogue.snapshot });
  const workstations = new WorkstationServers(options.workstations);
  const shared: SharedInstances = cluster?.attach(instances, content.cache, workstations) ?? {
    servers: instances,
    workstations,
    logs: instances.logs,
    cache: content.cache,
  };
  const limiter = new McpCallLimiter(options.catalogue, options.now, options.elapsed);
  const admit = (principal: Principal) => limiter.admit(principal);
  const followed = new FollowedServers({
    calls: shared.workstations,
    snapshot: () => catalogue.snapshot,
    time: options.time,
  });
  const servers = new RoutedServers(shared.servers, followed);
  let summaries: Summaries | undefined;
  const traffic = new Traffic({ ...options, readTokens: (id) => authorizations.secretsOf(id) });
  const tap = (incoming: EndpointRequest) => traffic.tap(incoming);
  const { endpoint, services, sweep, close } = openEndpoint({
    ...options,
    servers,
    admit,
    sample: samplerOf(options.infer),
    askLlm,
    content,
    cache: shared.cache,
    ...(shared.clients && { clients: shared.clients }),
    tap,
  });
  cluster?.serveClients((incoming) => endpoint.serveForwarded(incoming));
  options.metrics.gauge(
    "mcpctl_mcp_traffic_bytes",
    "Memory that kept messages of projects take",
    () => traffic.bytes,
  );
  const timer = setInterval(() => {
    sweep();
    limiter.forgetDeleted();
  }, sweepInterval);
  timer.unref();
  let learning: ReturnType<typeof setInterval> | undefined;
  let isLearning = false;
  const learn = () => {
    if (isLearning) return;
    isLearning = true;
    const isOver = () => {
      isLearning = false;
    };
    // A database that does not answer is told of elsewhere.
    limiter.learn().then(isOver, isOver);
  };
  let unfollow: (() => void) | undefined;
  return {
    name: "mcp",
    async start() {
      await limiter.load();
      if (cluster) learning = setInterval(learn, learnInterval).unref();
      unfollow = catalogue.subscribe((changes) => logins.follow(changes ?? []));
      await instances.start();
      const isFirstFor = (id: string) => cluster?.isFirstFor(id) ?? true;
      summaries = new Summaries({ ...options, ask: askLlm, isFirstFor });
      const tools = new PersonaTools(services, options.onError, (project, client) =>
        traffic.tapOf(project, client),
      );
      return {
        endpoint,
        logins,
        tools,
        gate: services.gate,
        logs: shared.logs,
        cache: shared.cache,
        traffic,
        limits: limiter,
      };
    },
    drain: () => instances.drain(),
    async close() {
      clearInterval(timer);
      clearInterval(learning);
      unfollow?.();
      summaries?.close();
      close();
      traffic.close();
      followed.close();
      await instances.close();
    },
  };
}
