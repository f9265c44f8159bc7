import type { LlmUse } from "../project-llm.ts";
import type { KeptResults } from "./kept-results.ts";
import {
  type DescribeParts,
  type PartAnswer,
  type PartLookup,
  type PartQuery,
  readPart,
} from "./part-reader.ts";
import type { PartTitles } from "./part-titles.ts";

/** The results that somebody may see and remove: the own ones, and those of some projects. */
export interface CacheFilter {
  principalId: string;
  projectIds: readonly string[];
  /** Set if only results of one project are wanted. */
  onlyProject?: string;
}

/** A kept result as it is listed: without its id, which opens it, and without its text. */
export interface CachedResult {
  node: string;
  projectId: string;
  userId: string;
  principalId: string;
  serverId: string;
  subject: string;
  word: string;
  parts: number;
  bytes: number;
  /** Milliseconds for which it is kept further. */
  left: number;
}

/** The results that were cut, as clients read them and people look after them. */
export interface ResultCache extends PartLookup {
  list(filter: CacheFilter): Promise<CachedResult[]>;
  /** Removes results, and the titles of the projects. Returns the number of results. */
  clear(filter: CacheFilter): Promise<number>;
}

export interface OwnCacheOptions {
  kept: KeptResults;
  titles: PartTitles;
  describe: DescribeParts;
  /** The name of this server of mcpctl. */
  node: string;
}

/** The results that this server of mcpctl keeps. */
export class OwnCache implements ResultCache {
  readonly #options: OwnCacheOptions;

  constructor(options: OwnCacheOptions) {
    this.#options = options;
  }

  read(query: PartQuery, use?: LlmUse): Promise<PartAnswer | undefined> {
    const { kept, describe } = this.#options;
    return readPart(kept, query, describe, use);
  }

  async list(filter: CacheFilter): Promise<CachedResult[]> {
    const { kept, node } = this.#options;
    return this.#chosen(filter).map((one) => ({
      node,
      projectId: one.owner.projectId,
      userId: one.owner.userId,
      principalId: one.owner.principalId,
      serverId: one.serverId,
      subject: one.subject,
      word: one.word,
      parts: one.parts.length,
      bytes: one.bytes,
      left: kept.timeLeft(one),
    }));
  }

  async clear(filter: CacheFilter): Promise<number> {
    const { kept, titles } = this.#options;
    const chosen = this.#chosen(filter);
    for (const one of chosen) kept.remove(one);
    for (const id of filter.projectIds) titles.forget(id);
    return chosen.length;
  }

  #chosen({ principalId, projectIds, onlyProject }: CacheFilter) {
    return this.#options.kept
      .list()
      .filter(({ owner }) => onlyProject === undefined || owner.projectId === onlyProject)
      .filter(({ owner }) => owner.principalId === principalId || projectIds.includes(owner.projectId));
  }
}
