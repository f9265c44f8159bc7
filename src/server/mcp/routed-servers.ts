import type { JsonObject } from "../../mcp/messages.ts";
import { isVirtual } from "../core/store/typed-rows.ts";
import type { McpServers, ServerCall, ServerNotice } from "./types.ts";

/** Sends each call to where its server runs: to its workstation, or to the instances of this host. */
export class RoutedServers implements McpServers {
  readonly #instances: McpServers;
  readonly #workstations: Pick<McpServers, "call" | "subscribe">;

  constructor(instances: McpServers, workstations: Pick<McpServers, "call" | "subscribe">) {
    this.#instances = instances;
    this.#workstations = workstations;
  }

  call(call: ServerCall): Promise<JsonObject> {
    return (isVirtual(call.server) ? this.#workstations : this.#instances).call(call);
  }

  subscribe(listener: (notice: ServerNotice) => void): () => void {
    const ends = [this.#instances.subscribe(listener), this.#workstations.subscribe(listener)];
    return () => {
      for (const end of ends) end();
    };
  }

  endSession(principalId: string, session: string): void {
    this.#instances.endSession(principalId, session);
  }
}
