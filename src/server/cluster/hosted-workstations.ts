import type { JsonObject } from "../../mcp/messages.ts";
import { listenMethod } from "../../wire/link/mcp-calls.ts";
import type { Catalogue } from "../core/catalogue/catalogue.ts";
import { isVirtual, type McpServerRow } from "../core/store/typed-rows.ts";
import type { WorkstationCalls } from "../mcp/types.ts";
import { hostedCall } from "./forward-call.ts";
import { HostedWork } from "./hosted-work.ts";
import type { HostedExchange } from "./link-host.ts";
import { type CallFields, InstanceMoved } from "./link-messages.ts";

/** The MCP servers of workstations whose agents are connected to this node, as other nodes call them. */
export class HostedWorkstations {
  readonly work = new HostedWork();
  readonly #catalogue: Catalogue;
  readonly #calls: WorkstationCalls;

  constructor(catalogue: Catalogue, calls: WorkstationCalls) {
    this.#catalogue = catalogue;
    this.#calls = calls;
  }

  /** True if the agent of a server is connected here. */
  reaches(serverId: string): boolean {
    return !this.work.isDraining && this.#find(serverId) !== undefined;
  }

  /** Makes a call of another node. @throws InstanceMoved if the agent is not connected here; the error of the call */
  call(forwarded: CallFields, exchange: HostedExchange): Promise<JsonObject> {
    return this.work.run(async () => {
      const server = this.#find(forwarded.serverId);
      if (!server) throw new InstanceMoved();
      return await this.#calls.call(hostedCall(server, forwarded, exchange));
    }, forwarded.method === listenMethod);
  }

  #find(serverId: string): McpServerRow | undefined {
    const row = this.#catalogue.snapshot.byId.get(serverId);
    if (row?.kind !== "server" || !isVirtual(row)) return undefined;
    return this.#calls.reaches(row as McpServerRow) ? (row as McpServerRow) : undefined;
  }
}
