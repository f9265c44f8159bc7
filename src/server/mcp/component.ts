import { randomUUID } from "node:crypto";
import type { Outbound } from "../../net/outbound.ts";
import type { Catalogue } from "../core/catalogue/catalogue.ts";
import type { Component } from "../core/lifecycle.ts";
import type { McpServerRow } from "../core/store/typed-rows.ts";
import type { Audit } from "../observability/audit.ts";
import { McpCalls } from "./endpoint/calls.ts";
import { McpEndpoint } from "./endpoint/endpoint.ts";
import { ServerInstances } from "./instances/servers.ts";

/** MCP servers and the endpoints of projects. */
export interface Mcp {
  endpoint: McpEndpoint;
  instances: ServerInstances;
}

export interface McpOptions {
  catalogue: Catalogue;
  audit: Audit;
  outbound: Outbound;
  now(): number;
  onError(error: unknown): void;
}

/** Starts what serves projects to MCP clients. It stops the processes of servers when it closes. */
export function mcpComponent({ catalogue, audit, outbound, now, onError }: McpOptions): Component<Mcp> {
  const instances = new ServerInstances({ catalogue, outbound, now });
  const calls = new McpCalls({ servers: instances, audit, now });
  const endpoint = new McpEndpoint({ snapshot: () => catalogue.snapshot, calls }, randomUUID, onError);
  const listUnlisted = () => {
    const { snapshot } = catalogue;
    for (const { name } of snapshot.table("serverattachment").sorted) {
      const server = snapshot.named("server", name) as McpServerRow | undefined;
      if (server && server.status.listedAt === undefined) instances.upstream(server).catch(onError);
    }
  };
  const unsubscribe = catalogue.subscribe(listUnlisted);
  return {
    name: "mcp",
    start: () => ({ endpoint, instances }),
    async close() {
      unsubscribe();
      await endpoint.sessions.close();
      await instances.close();
    },
  };
}
