import type { PartAnswer, PartQuery } from "../mcp/content/part-reader.ts";
import type { CachedResult, CacheFilter, OwnCache, ResultCache } from "../mcp/content/result-cache.ts";
import type { NodeRequest } from "./link-messages.ts";
import type { Membership } from "./membership.ts";
import type { NodeLinks } from "./node-links.ts";

/** Milliseconds after which a node that does not answer has nothing. */
const answerTime = 5000;

/**
 * The results that all nodes keep. Each is kept by the node that cut it; another node that is asked for a part asks the
 * others (failure mode 186).
 */
export class ClusterCache implements ResultCache {
  readonly #own: OwnCache;
  readonly #membership: Membership;
  readonly #links: NodeLinks;

  constructor(own: OwnCache, membership: Membership, links: NodeLinks) {
    this.#own = own;
    this.#membership = membership;
    this.#links = links;
  }

  async read(query: PartQuery, use: Parameters<ResultCache["read"]>[1]): Promise<PartAnswer | undefined> {
    const own = await this.#own.read(query, use);
    if (own) return own;
    const answers = this.#ask({ is: "readPart", query }).map(async (answer) => {
      const { found } = await answer;
      if (!found) throw new Error("the node has no such result");
      return found as PartAnswer;
    });
    return Promise.any(answers).catch(() => undefined);
  }

  async list(filter: CacheFilter): Promise<CachedResult[]> {
    const lists = this.#ask({ is: "listCache", filter }).map(
      async (answer) => (await answer)["list"] as CachedResult[],
    );
    return (await allThatAnswer([this.#own.list(filter), ...lists])).flat();
  }

  async clear(filter: CacheFilter): Promise<number> {
    const counts = this.#ask({ is: "clearCache", filter }).map(
      async (answer) => (await answer)["count"] as number,
    );
    return (await allThatAnswer([this.#own.clear(filter), ...counts])).reduce((sum, count) => sum + count, 0);
  }

  #ask(request: NodeRequest) {
    const { id, nodes } = this.#membership;
    const signal = AbortSignal.timeout(answerTime);
    return [...nodes.values()]
      .filter((node) => node.id !== id)
      .map((node) => this.#links.to(node).request(request, { signal }));
  }
}

/** Returns the values of the promises that are not rejected. */
async function allThatAnswer<Value>(promises: readonly Promise<Value>[]): Promise<Value[]> {
  const settled = await Promise.allSettled(promises);
  return settled.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
}
