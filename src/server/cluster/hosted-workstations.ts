import type { JsonObject } from "../../mcp/messages.ts";
import { listenMethod } from "../../wire/link/mcp-calls.ts";
import type { Catalogue } from "../core/catalogue/catalogue.ts";
import { isVirtual, type McpServerRow } from "../core/store/typed-rows.ts";
import type { WorkstationCalls } from "../mcp/types.ts";
import { hostedCall } from "./forward-call.ts";
import type { HostedExchange } from "./link-host.ts";
import { type CallFields, InstanceMoved } from "./link-messages.ts";

/** The MCP servers of workstations whose agents are connected to this node, as other nodes call them. */
export class HostedWorkstations {
  readonly #catalogue: Catalogue;
  readonly #calls: WorkstationCalls;
  #busy = 0;
  #isDraining = false;

  constructor(catalogue: Catalogue, calls: WorkstationCalls) {
    this.#catalogue = catalogue;
    this.#calls = calls;
  }

  /** True if the agent of a server is connected here. */
  reaches(serverId: string): boolean {
    return !this.#isDraining && this.#find(serverId) !== undefined;
  }

  /** Makes a call of another node. @throws InstanceMoved if the agent is not connected here; the error of the call */
  async call(forwarded: CallFields, exchange: HostedExchange): Promise<JsonObject> {
    const server = this.#isDraining ? undefined : this.#find(forwarded.serverId);
    if (!server) throw new InstanceMoved();
    // One that lasts ends with its link.
    const counts = forwarded.method === listenMethod ? 0 : 1;
    this.#busy += counts;
    try {
      return await this.#calls.call(hostedCall(server, forwarded, exchange));
    } finally {
      this.#busy -= counts;
    }
  }

  /** Takes no more calls of other nodes. Returns when none is under way. */
  async drain(): Promise<void> {
    this.#isDraining = true;
    while (this.#busy > 0) await Bun.sleep(50);
  }

  #find(serverId: string): McpServerRow | undefined {
    const row = this.#catalogue.snapshot.byId.get(serverId);
    if (row?.kind !== "server" || !isVirtual(row)) return undefined;
    return this.#calls.reaches(row as McpServerRow) ? (row as McpServerRow) : undefined;
  }
}
