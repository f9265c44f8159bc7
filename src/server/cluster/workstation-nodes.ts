import { orAborted } from "../../time.ts";
import { InstanceMoved, LinkLost } from "./link-messages.ts";
import type { Membership } from "./membership.ts";
import type { NodeLink } from "./node-link.ts";
import type { NodeLinks } from "./node-links.ts";

/** Milliseconds after which a node that does not answer counts as one without the agent: a pool has other members. */
const searchTime = 3000;

/** A call of an llm or MCP server that a workstation publishes. */
export interface WorkstationCall<T> {
  /** True if its agent is connected to this node. */
  isHere(): boolean;
  /** Makes the call at this node, which says so if its agent is connected to none. */
  here(): Promise<T>;
  /** Makes it at another node. */
  there(link: NodeLink): Promise<T>;
  /** Returns the error for a call whose node went away, and which may have been carried out. */
  lost(cause: LinkLost): Error;
}

/**
 * The nodes to which the agents of workstations are connected. No table says which ones these are: an agent comes back to
 * another node at any moment, so the nodes are asked.
 */
export class WorkstationNodes {
  readonly #membership: Pick<Membership, "id" | "nodes">;
  readonly #links: Pick<NodeLinks, "to">;
  readonly #searchTime: number;
  /** The ids of the nodes where agents were found last, by the id of a row that they publish. */
  readonly #found = new Map<string, string>();

  constructor(
    membership: Pick<Membership, "id" | "nodes">,
    links: Pick<NodeLinks, "to">,
    longestSearch = searchTime,
  ) {
    this.#membership = membership;
    this.#links = links;
    this.#searchTime = longestSearch;
  }

  /** Makes a call at the node to which the agent of a row is connected by now. */
  async call<T>(rowId: string, { isHere, here, there, lost }: WorkstationCall<T>): Promise<T> {
    const tried = new Set<string>();
    while (!isHere()) {
      const link = this.#known(rowId) ?? (await this.#search(rowId));
      if (!link || tried.has(link.node.id)) break;
      tried.add(link.node.id);
      try {
        return await there(link);
      } catch (error) {
        if (!(error instanceof InstanceMoved) && !(error instanceof LinkLost)) throw error;
        this.#found.delete(rowId);
        if (error instanceof LinkLost && !error.isUnsent) throw lost(error);
      }
    }
    return here();
  }

  #known(rowId: string): NodeLink | undefined {
    const node = this.#membership.nodes.get(this.#found.get(rowId) ?? "");
    return node && this.#links.to(node);
  }

  /** Asks the other nodes which one the agent is connected to. One that does not answer does not hold up the others. */
  async #search(rowId: string): Promise<NodeLink | undefined> {
    const { nodes, id: self } = this.#membership;
    const late = AbortSignal.timeout(this.#searchTime);
    const answers = [...nodes.values()]
      .filter((node) => node.id !== self)
      .map(async (node) => {
        const link = this.#links.to(node);
        const answer = link.request({ is: "findWorkstation", rowId });
        const { found } = await orAborted(answer, late, () => new InstanceMoved());
        if (found !== true) throw new InstanceMoved();
        return link;
      });
    const link = await Promise.any(answers).catch(() => undefined);
    if (link) this.#found.set(rowId, link.node.id);
    return link;
  }
}
