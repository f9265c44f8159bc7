import type { ProviderResponse } from "../../net/pushed-response.ts";
import type { Operation } from "../../wire/dialects/operations.ts";
import type { LlmState, PublishedProvider } from "../../wire/link/registration.ts";
import type { PersonaConfig, ProviderConfig } from "./config.ts";

/** What keeps the server behind a provider up: nothing, a wake recipe, or the agent itself. */
export interface Runtime {
  /** Base URL without `/v1`. */
  readonly url: string;
  readonly state: RuntimeState;
  /** Calls back when `state` has changed. Returns how to stop. */
  onChange(listener: () => void): () => void;
  /** Finds out how it is, and begins to keep watch. */
  start(): Promise<void>;
  /**
   * Returns when it answers. However many ask, it is woken once; one who gives up does not stop it.
   *
   * @throws AppError `unavailable` with `retryAfter` when it fails or takes too long
   */
  wake(signal: AbortSignal): Promise<void>;
  /** Stops it where the agent can: `mcpctl provider NAME down`. Throws AppError `not_supported` where it cannot. */
  stop(): Promise<void>;
  /** A call begins: it is not idle until the returned function is called. */
  enter(): () => void;
  /** For `mcpctl provider NAME status`. */
  describe(): RuntimeReport;
  /** The agent stops: what it has started is stopped with it, and is gone when this returns. */
  close(): Promise<void>;
}

/** `active` answers; `hibernating` can be woken; `waking` is being; `inactive` cannot be called. */
export type RuntimeState = "active" | "hibernating" | "waking" | "inactive";

export interface RuntimeReport {
  state: RuntimeState;
  /** In a few words: `loading weights, 34 s`; the last failure; null when there is nothing to say. */
  detail: string | null;
  /** Of a managed one. */
  pid?: number;
  /** Whether its weights are in memory, as far as it can be told. */
  resident?: boolean;
}

/** A provider that can be called. */
export interface LocalProvider {
  readonly config: ProviderConfig;
  readonly runtime: Runtime;
  /** As the server is told. */
  published(): PublishedProvider;
  /** As heartbeats tell. */
  llmState(): LlmState;
  /**
   * Sends a request that is in the dialect of the provider's type.
   *
   * @param operation where it goes: one of the adapter's own paths, never one that somebody else names
   * @throws HttpFailure when there is no answer; AppError `not_supported` for an operation it does not have
   */
  call(operation: Operation, body: string, signal: AbortSignal): Promise<ProviderResponse>;
  close(): Promise<void>;
}

/** The providers as the config has them now. */
export interface Providers {
  readonly all: readonly LocalProvider[];
  readonly personas: readonly PersonaConfig[];
  /** By the name it is published under; undefined when none is. */
  published(name: string): LocalProvider | undefined;
  /** By the name it has in the config. */
  named(name: string): LocalProvider | undefined;
  /** Calls back when what is published, or how it is, has changed. Returns how to stop. */
  onChange(listener: (change: "published" | "state") => void): () => void;
  close(): Promise<void>;
}
