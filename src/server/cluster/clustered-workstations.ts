import { AppError } from "../../errors.ts";
import type { JsonObject } from "../../mcp/messages.ts";
import type { McpServerRow } from "../core/store/typed-rows.ts";
import type { McpServers, ServerCall, WorkstationCalls } from "../mcp/types.ts";
import { callFields, callOver } from "./forward-call.ts";
import { InstanceMoved, LinkLost } from "./link-messages.ts";
import type { Membership } from "./membership.ts";
import type { NodeLink } from "./node-link.ts";
import type { NodeLinks } from "./node-links.ts";

/**
 * Calls the MCP servers of workstations, each at the node to which its agent is connected (failure mode 239). No table
 * says which one that is: an agent comes back to another node at any moment, so the nodes are asked.
 */
export class ClusteredWorkstations implements Pick<McpServers, "call"> {
  readonly #own: WorkstationCalls;
  readonly #membership: Pick<Membership, "id" | "nodes">;
  readonly #links: Pick<NodeLinks, "to">;
  /** The ids of the nodes where agents were found last, by server. */
  readonly #found = new Map<string, string>();

  constructor(
    own: WorkstationCalls,
    membership: Pick<Membership, "id" | "nodes">,
    links: Pick<NodeLinks, "to">,
  ) {
    this.#own = own;
    this.#membership = membership;
    this.#links = links;
  }

  async call(call: ServerCall): Promise<JsonObject> {
    const { server, signal } = call;
    const tried = new Set<string>();
    while (!this.#own.reaches(server)) {
      const link = this.#known(server) ?? (await this.#search(server));
      if (!link || tried.has(link.node.id)) break;
      tried.add(link.node.id);
      try {
        return await callOver(link, { is: "workstationCall", call: callFields(call) }, call);
      } catch (error) {
        if (signal?.aborted) throw cancelled(server);
        if (error instanceof LinkLost && !error.isUnsent) throw lost(server, error);
        if (!(error instanceof InstanceMoved) && !(error instanceof LinkLost)) throw error;
        this.#found.delete(server.id);
      }
    }
    // If no node has its agent, this says so.
    return this.#own.call(call);
  }

  #known({ id }: McpServerRow): NodeLink | undefined {
    const node = this.#membership.nodes.get(this.#found.get(id) ?? "");
    return node && this.#links.to(node);
  }

  /** Asks the other nodes which one the agent is connected to. One that does not answer does not hold up the others. */
  async #search({ id }: McpServerRow): Promise<NodeLink | undefined> {
    const { nodes, id: self } = this.#membership;
    const answers = [...nodes.values()]
      .filter((node) => node.id !== self)
      .map(async (node) => {
        const link = this.#links.to(node);
        const { found } = await link.request({ is: "findWorkstation", serverId: id });
        if (found !== true) throw new InstanceMoved();
        return link;
      });
    const link = await Promise.any(answers).catch(() => undefined);
    if (link) this.#found.set(id, link.node.id);
    return link;
  }
}

function cancelled({ name }: McpServerRow): AppError {
  return new AppError("client_closed_request", `the call to MCP server "${name}" was cancelled`);
}

function lost({ name }: McpServerRow, cause: LinkLost): AppError {
  return new AppError(
    "provider_error",
    `the server of mcpctl to which the workstation of MCP server "${name}" is connected went away during the call, which may have been carried out and is not repeated`,
    { cause },
  );
}
