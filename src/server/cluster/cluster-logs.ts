import type { InstanceLogs, NumberedLine } from "../mcp/instances/logs/logs.ts";
import type { ReadLogOptions } from "../mcp/instances/logs/read-log.ts";
import type { Membership } from "./membership.ts";
import type { NodeLinks } from "./node-links.ts";

/** Milliseconds between two looks for nodes that have come. */
const lookTime = 1000;

/** The logs of instances on all nodes. Those of a node that cannot be reached are missing. */
export class ClusterLogs implements InstanceLogs {
  readonly #own: InstanceLogs;
  readonly #membership: Membership;
  readonly #links: NodeLinks;

  constructor(own: InstanceLogs, membership: Membership, links: NodeLinks) {
    this.#own = own;
    this.#membership = membership;
    this.#links = links;
  }

  async read(
    serverId: string,
    instance: number | undefined,
    options: ReadLogOptions,
  ): Promise<NumberedLine[]> {
    const request = {
      is: "readLogs",
      serverId,
      options,
      ...(instance !== undefined && { instance }),
    } as const;
    const signal = AbortSignal.timeout(5000);
    const others = this.#others().map(async (link) => {
      const { lines } = await link.request(request, { signal });
      return lines as NumberedLine[];
    });
    const all = await Promise.allSettled([this.#own.read(serverId, instance, options), ...others]);
    const lines = all.map((one) => (one.status === "fulfilled" ? one.value : []));
    // Lines of the same moment stay in the order of their file.
    const merged = lines.flat();
    if (lines.filter(({ length }) => length > 0).length > 1)
      merged.sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0));
    return options.tail === 0 ? [] : merged.slice(-options.tail);
  }

  follow(serverId: string, instance: number | undefined, take: (line: NumberedLine) => void): () => void {
    const end = this.#own.follow(serverId, instance, take);
    const over = new AbortController();
    const followed = new Set<string>();
    const request = { is: "followLogs", serverId, ...(instance !== undefined && { instance }) } as const;
    const look = () => {
      for (const link of this.#others()) {
        const { id } = link.node;
        if (followed.has(id)) continue;
        followed.add(id);
        const onEvent = (event: object) => "line" in event && take(event.line as NumberedLine);
        link
          .request(request, { signal: over.signal, onEvent })
          .catch(() => undefined)
          .finally(() => followed.delete(id));
      }
    };
    look();
    const timer = setInterval(look, lookTime);
    return () => {
      end();
      clearInterval(timer);
      over.abort();
    };
  }

  #others() {
    const { id, nodes } = this.#membership;
    return [...nodes.values()].filter((node) => node.id !== id).map((node) => this.#links.to(node));
  }
}
