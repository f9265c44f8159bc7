import { AppError } from "../../errors.ts";
import type { Outbound } from "../../net/outbound.ts";
import type { Component } from "../core/lifecycle.ts";
import type { McpServerRow } from "../core/store/typed-rows.ts";
import type { McpEndpoint } from "./endpoint/endpoint.ts";
import { type OpenEndpointOptions, openEndpoint } from "./endpoint/open.ts";
import { ServerInstances } from "./instances/servers.ts";

/** MCP servers and the endpoints of projects. */
export interface Mcp {
  endpoint: McpEndpoint;
  instances: ServerInstances;
}

export interface McpOptions extends Omit<OpenEndpointOptions, "servers"> {
  outbound: Outbound;
}

/** Milliseconds between two looks for sessions that nobody uses any more. */
const sweepInterval = 60_000;

/** Starts what serves projects to MCP clients. It stops the processes of servers when it closes. */
export function mcpComponent(options: McpOptions): Component<Mcp> {
  const { catalogue, outbound, now, onError } = options;
  const instances = new ServerInstances({ catalogue, outbound, now });
  const { endpoint, sweep, close } = openEndpoint({ ...options, servers: instances });
  const timer = setInterval(sweep, sweepInterval);
  timer.unref();
  const listUnlisted = () => {
    const { snapshot } = catalogue;
    for (const { name } of snapshot.table("serverattachment").sorted) {
      const server = snapshot.named("server", name) as McpServerRow | undefined;
      if (server && server.status.listedAt === undefined)
        instances.upstream(server).catch((error) => {
          // The next call of the server tells this reason to its caller.
          if (!(error instanceof AppError)) onError(error);
        });
    }
  };
  const unsubscribe = catalogue.subscribe(listUnlisted);
  return {
    name: "mcp",
    start: () => ({ endpoint, instances }),
    async close() {
      unsubscribe();
      clearInterval(timer);
      close();
      await instances.close();
    },
  };
}
