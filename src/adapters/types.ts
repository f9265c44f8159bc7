import type { Operation } from "../wire/dialects/operations.ts";
import type { Dialect, StreamPosition } from "../wire/dialects/types.ts";
import type { Usage } from "../wire/dialects/usage.ts";
import type { Quirks } from "./quirks/types.ts";

/** How a provider is spoken to. Data and pure functions: no I/O. */
export interface Adapter {
  /** The llm types it serves. */
  readonly types: readonly string[];
  /** What the provider natively speaks. */
  readonly dialect: Dialect;
  /** A command is run instead of a server being called: there is no url, and paths mean nothing. */
  readonly isCommand?: true;
  /** Base URL by llm type, without `/v1`; a type that is not here needs a url of its own. */
  readonly defaultUrls: Readonly<Record<string, string>>;
  /** Operations that every provider of these types takes as they are. */
  readonly operations: readonly Operation[];
  /** Operations that only some of these providers take; `nativePathFor` decides for one llm. */
  readonly optional?: readonly Operation[];
  /** Headers that carry the credential, and those the provider insists on. Names in lower case. */
  headers(apiKey: string | undefined): Record<string, string>;
  /** Reads a provider's error body, whatever it is: JSON in its own shape, in another's, HTML, or nothing. */
  readError(status: number, body: string): ProviderFault;
}

/** A provider's own error. */
export interface ProviderFault {
  /** One sentence, at most 1,000 characters. */
  message: string;
  /** The provider's word for it: `rate_limit_error`. */
  type?: string;
}

/** A provider's error in a stream, with the HTTP status that it names or that its type stands for. */
export type StreamFault = ProviderFault & { status?: number };

/**
 * The way of a stream from provider to caller, passed through or translated. Bytes go in as they come,
 * cut anywhere.
 */
export interface StreamPipe {
  /**
   * What to send on now: the very same array where nothing is changed, text, or null for nothing yet.
   * After `done` it returns null for whatever still comes.
   */
  push(chunk: Uint8Array): Uint8Array | string | null;
  /** The provider has closed. Returns what is still to be sent, such as the `[DONE]` it left out; null for nothing. */
  end(): Uint8Array | string | null;
  /** A finish reason has been seen (messages: `message_stop`): the answer is whole. */
  readonly finished: boolean;
  /** The terminal frame has been seen: nothing but its own bytes is to be sent after it. */
  readonly done: boolean;
  /** What the answer cost so far. */
  readonly usage: Usage;
  /** An error that the provider reported in the stream; it has not been sent on. The stream is over. */
  readonly fault: StreamFault | undefined;
  /** Of a responses stream: what an error of ours must say of the answer it ends. */
  readonly position?: StreamPosition | undefined;
}

/** From a caller's dialect to a provider's other one, and back. Pure. */
export interface Translation {
  readonly caller: Dialect;
  readonly provider: Dialect;
  /**
   * Returns the request for the provider.
   *
   * @param model The provider's name for the model.
   * @param quirks How the provider and the model differ from others of the dialect.
   * @throws AppError `invalid_request` that names what cannot be expressed
   */
  request(body: Record<string, unknown>, model: string, quirks: Quirks): Record<string, unknown>;
  /**
   * The answer for the caller. `model` is what the caller asked for, `request` the caller's own: answers of
   * responses calls repeat parts of it. Throws AppError `provider_error` on garbage.
   */
  response(body: unknown, model: string, request?: Record<string, unknown>): Record<string, unknown>;
  /** The stream for the caller. `request` is the caller's own. */
  stream(model: string, request: Record<string, unknown>): StreamPipe;
}
