import type { AppError, ProviderError } from "../../errors.ts";
import type { Usage } from "./usage.ts";

/** A language that callers and providers speak: OpenAI chat completions, Anthropic messages, OpenAI responses. */
export type Dialect = "chat" | "messages" | "responses";

/** The rules of one dialect: fields of requests, answers, errors and lists of models. Data and pure functions. */
export interface DialectWire {
  /**
   * Refuses a request that no provider could answer.
   *
   * @throws AppError `invalid_request`
   */
  checkRequest(body: Record<string, unknown>): void;
  /** Returns the most tokens of an answer that a request asks for; undefined when it does not say. */
  maxTokens(body: Record<string, unknown>): number | undefined;
  /** Headers of the caller that a provider of the same dialect gets byte for byte. In lower case. */
  readonly forwardedHeaders: readonly string[];
  /** True if events of a stream have names, which repeat the `type` of their data. */
  readonly namesEvents: boolean;
  /** The family of dialects that share their errors. */
  readonly family: ProviderError["family"];
  /** Makes an error body in the dialect's shape, with the provider's own fields if they are of this family. */
  errorBody(error: AppError, requestId: string): object;
  /**
   * Makes the frames that end a stream in an error.
   *
   * @param position The answer that the stream carries, for a dialect whose events name it.
   */
  errorFrames(error: AppError, requestId: string, position?: StreamPosition): string;
  /** Reads the usage of an unstreamed answer; returns undefined when it has none. */
  usage(body: unknown): Usage | undefined;
  /** Fields of one entry in a list of models, besides those that an earlier dialect has. */
  modelEntry(model: ListedModel): object;
  /** Fields around the list of models, `data`, besides those that an earlier dialect has. */
  modelListFields?(models: readonly { id: string }[]): object;
}

/** A model as a caller may see it in a list. */
export interface ListedModel {
  /** The name that callers use. */
  id: string;
  /** The name for people, where it is not the id. */
  displayName?: string;
  /** Milliseconds since 1970. */
  createdAt: number;
  /** `anthropic`, `vllm` */
  ownedBy: string;
  /** The capabilities of the model, as far as they are known. */
  capabilities: ListedCapabilities;
}

/** The capabilities of a listed model. Unknown ones are left out. */
export interface ListedCapabilities {
  /** The most tokens of a request and its answer together. */
  contextTokens?: number;
  /** The most tokens of one answer. */
  maxOutputTokens?: number;
  vision?: boolean;
  tools?: boolean;
  reasoning?: boolean;
}

/** The answer that a stream carries, and the number of its next event where that is known. */
export interface StreamPosition {
  responseId: string;
  sequence?: number;
}
