import { randomBytes } from "node:crypto";
import type { Snapshot } from "../../core/store/snapshot.ts";
import type { AskProjectLlm } from "../project-llm.ts";
import { KeptResults } from "./kept-results.ts";
import { PartTitles } from "./part-titles.ts";
import { ContentPipeline } from "./pipeline.ts";
import { OwnCache } from "./result-cache.ts";
import { stageWorks } from "./stages/index.ts";

export interface OpenContentOptions {
  snapshot(): Snapshot;
  askLlm: AskProjectLlm;
  /** A monotonic clock, in milliseconds. */
  elapsed(): number;
  /** The name of this server of mcpctl. */
  node: string;
  onError(error: unknown): void;
}

/** The content pipeline, with the results that it keeps. */
export interface OpenContent {
  pipeline: ContentPipeline;
  kept: KeptResults;
  cache: OwnCache;
}

/** Puts the content pipeline together. */
export function openContent({ snapshot, askLlm, elapsed, node, onError }: OpenContentOptions): OpenContent {
  // 128 bits.
  const kept = new KeptResults({ elapsed, makeId: () => randomBytes(16).toString("hex") });
  const titles = new PartTitles({ ask: askLlm, elapsed });
  const pipeline = new ContentPipeline({ snapshot, works: stageWorks, kept, titles, onError });
  const cache = new OwnCache({ kept, titles, describe: pipeline.describe, node });
  return { pipeline, kept, cache };
}
