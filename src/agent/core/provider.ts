import type { ProviderResponse } from "../../net/pushed-response.ts";
import type { Operation } from "../../wire/dialects/operations.ts";
import type { LlmState, PublishedProvider } from "../../wire/link/registration.ts";
import type { PersonaConfig, ProviderConfig } from "./config.ts";

/** The server behind a provider, and what the agent can do to bring it up: nothing, a wake recipe, or starting it. */
export interface Runtime {
  /** Base URL without `/v1`. */
  readonly url: string;
  readonly state: RuntimeState;
  /** Calls `listener` when `state` has changed. Returns a function that ends that. */
  onChange(listener: () => void): () => void;
  /** Checks its state, and goes on checking. */
  start(): Promise<void>;
  /**
   * Returns when it can be called. Any number of callers wake it once; a caller that gives up does not stop that.
   *
   * @throws AppError `unavailable` with `retryAfter` when it fails or takes too long
   */
  wake(signal: AbortSignal): Promise<void>;
  /** Stops it: `mcpctl provider NAME down`. Throws AppError `not_supported` if the agent does not run it. */
  stop(): Promise<void>;
  /** Begins a call. It does not count as idle until the returned function is called. */
  enter(): () => void;
  /** Returns the report for `mcpctl provider NAME status`. */
  describe(): RuntimeReport;
  /** Ends it with the agent. What the agent has started is gone when this returns. */
  close(): Promise<void>;
}

/** `active` can be called; `hibernating` can be woken; `waking` is being woken; `inactive` can be neither. */
export type RuntimeState = "active" | "hibernating" | "waking" | "inactive";

export interface RuntimeReport {
  state: RuntimeState;
  /** A few words such as `loading weights, 34 s`, or the last failure; null when there is nothing to report. */
  detail: string | null;
  /** Of a managed vLLM. */
  pid?: number;
  /** True if its weights are in memory; missing when that is not known. */
  resident?: boolean;
}

/** A provider of the config, which can be called. */
export interface LocalProvider {
  readonly config: ProviderConfig;
  readonly runtime: Runtime;
  /** Returns its entry in a registration. */
  published(): PublishedProvider;
  /** Returns its state in a heartbeat. */
  llmState(): LlmState;
  /**
   * Sends a request that is in the dialect of the provider's type.
   *
   * @param operation selects one of the adapter's own paths; a caller cannot name another one
   * @param passed the number of mcpctl programs that the call has passed before this one
   * @throws HttpFailure when there is no response; AppError `not_supported` for an operation it does not have,
   *   `loop_detected` when the call goes in a circle
   */
  call(operation: Operation, body: string, signal: AbortSignal, passed?: number): Promise<ProviderResponse>;
  close(): Promise<void>;
}

/** The providers and personas of the current config. */
export interface Providers {
  readonly all: readonly LocalProvider[];
  readonly personas: readonly PersonaConfig[];
  /** Returns the provider that is published under a name. */
  published(name: string): LocalProvider | undefined;
  /** Returns the provider that has a name in the config. */
  named(name: string): LocalProvider | undefined;
  /** Calls `listener` when what is published, or its state, has changed. Returns a function that ends that. */
  onChange(listener: (change: "published" | "state") => void): () => void;
  close(): Promise<void>;
}
