import { randomBytes } from "node:crypto";
import type { Snapshot } from "../../core/store/snapshot.ts";
import type { AskProjectLlm } from "../project-llm.ts";
import { KeptResults } from "./kept-results.ts";
import { type PartLookup, readPart } from "./part-reader.ts";
import { PartTitles } from "./part-titles.ts";
import { ContentPipeline } from "./pipeline.ts";
import { stageWorks } from "./stages/index.ts";

export interface OpenContentOptions {
  snapshot(): Snapshot;
  askLlm: AskProjectLlm;
  /** A monotonic clock, in milliseconds. */
  elapsed(): number;
  onError(error: unknown): void;
}

/** The content pipeline, with the results that it keeps. */
export interface OpenContent {
  pipeline: ContentPipeline;
  kept: KeptResults;
  parts: PartLookup;
}

/** Puts the content pipeline together. */
export function openContent({ snapshot, askLlm, elapsed, onError }: OpenContentOptions): OpenContent {
  // 128 bits.
  const kept = new KeptResults({ elapsed, makeId: () => randomBytes(16).toString("hex") });
  const titles = new PartTitles({ ask: askLlm, elapsed });
  const pipeline = new ContentPipeline({ snapshot, works: stageWorks, kept, titles, onError });
  return { pipeline, kept, parts: { read: (query, use) => readPart(kept, query, pipeline.describe, use) } };
}
