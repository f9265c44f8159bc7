import type { ClusterNode } from "../core/store/cluster-store.ts";
import type { ServerNotice } from "../mcp/types.ts";
import { NodeLink } from "./node-link.ts";

/** The links on which this node asks others, one for each. They are opened when they are needed. */
export class NodeLinks {
  readonly #links = new Map<string, NodeLink>();
  readonly #onNotice: (notice: ServerNotice) => void;

  constructor(onNotice: (notice: ServerNotice) => void) {
    this.#onNotice = onNotice;
  }

  /** Returns the link to a node. */
  to(node: ClusterNode): NodeLink {
    const found = this.#links.get(node.id);
    if (found && !found.isOver) return found;
    const link = new NodeLink(node);
    link.onNotice = this.#onNotice;
    this.#links.set(node.id, link);
    return link;
  }

  /** Returns the links that are open. */
  get open(): NodeLink[] {
    return [...this.#links.values()].filter(({ isOver }) => !isOver);
  }

  /** Closes links to nodes that are gone. */
  keep(nodes: ReadonlyMap<string, ClusterNode>): void {
    for (const [id, link] of this.#links) {
      if (nodes.has(id) && !link.isOver) continue;
      link.close();
      this.#links.delete(id);
    }
  }

  close(): void {
    this.keep(new Map());
  }
}
