import type { Principal } from "../core/access/policy.ts";
import type { Component } from "../core/lifecycle.ts";
import type { ProjectTools } from "../inference/personas/tools/offered-tools.ts";
import type { VirtualServers } from "../workstations/virtual-servers.ts";
import type { McpEndpoint } from "./endpoint/endpoint.ts";
import type { EndpointRequest, EndpointServices } from "./endpoint/endpoint-types.ts";
import { type OpenEndpointOptions, openEndpoint } from "./endpoint/open.ts";
import { samplerOf } from "./endpoint/sampling.ts";
import type { InstanceLogs } from "./instances/logs/logs.ts";
import { ServerInstances, type ServerInstancesOptions } from "./instances/servers.ts";
import { McpCallLimiter } from "./limits/call-limiter.ts";
import { PersonaTools } from "./personas/persona-tools.ts";
import { type Infer, projectLlmOf } from "./project-llm.ts";
import { RoutedServers } from "./routed-servers.ts";
import type { McpCluster } from "./shared-instances.ts";
import { Traffic } from "./traffic/traffic.ts";
import { WorkstationServers } from "./workstations/workstation-servers.ts";

/** MCP servers and the endpoints of projects. */
export interface Mcp {
  endpoint: McpEndpoint;
  /** The tools of projects, for personas. */
  tools: ProjectTools;
  /** Decides which prompts a model gets. */
  gate: EndpointServices["gate"];
  /** The logs of instances, on all hosts. */
  logs: InstanceLogs;
  /** The messages of projects that are kept in memory. */
  traffic: Traffic;
}

export interface McpOptions
  extends ServerInstancesOptions,
    Omit<OpenEndpointOptions, "servers" | "admit" | "sample" | "askLlm" | "tap"> {
  infer: Infer;
  workstations: VirtualServers;
  /** Set if several servers of mcpctl share the database. */
  cluster?: McpCluster;
}

/** Milliseconds between two looks for sessions that nobody uses any more. */
const sweepInterval = 60_000;

/** Starts what serves projects to MCP clients. It ends the processes of servers when it closes. */
export function mcpComponent(options: McpOptions): Component<Mcp> {
  const { cluster } = options;
  const instances = new ServerInstances({ ...options, ...(cluster && { claims: cluster.claims }) });
  const shared = cluster?.attach(instances) ?? { servers: instances, logs: instances.logs };
  const limiter = new McpCallLimiter(options.catalogue, options.now, options.elapsed);
  const admit = (principal: Principal) => limiter.admit(principal);
  const servers = new RoutedServers(shared.servers, new WorkstationServers(options.workstations));
  const traffic = new Traffic(options);
  const tap = (incoming: EndpointRequest) => traffic.tap(incoming);
  const { endpoint, services, sweep, close } = openEndpoint({
    ...options,
    servers,
    admit,
    sample: samplerOf(options.infer),
    askLlm: projectLlmOf(options.infer),
    tap,
  });
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
  return {
    name: "mcp",
    async start() {
      await limiter.load();
      await instances.start();
      const tools = new PersonaTools(services, options.onError);
      return { endpoint, tools, gate: services.gate, logs: shared.logs, traffic };
    },
    drain: () => instances.drain(),
    async close() {
      clearInterval(timer);
      close();
      traffic.close();
      await instances.close();
    },
  };
}
