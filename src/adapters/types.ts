import type { ErrorMeaning } from "../errors.ts";
import type { Operation } from "../wire/dialects/operations.ts";
import type { Dialect, StreamPosition } from "../wire/dialects/types.ts";
import type { Usage } from "../wire/dialects/usage.ts";
import type { Quirks } from "./quirks/types.ts";

/** The rules for calling providers of some llm types. Data and pure functions: no I/O. */
export interface Adapter {
  /** The llm types of these providers. */
  readonly types: readonly string[];
  /** The dialect of these providers. Calls in another one are translated. */
  readonly dialect: Dialect;
  /** True if the provider is a command instead of a server: it has no url and no paths. */
  readonly isCommand?: true;
  /** Base URL by llm type, without `/v1`. An llm of a type that is not listed needs a url of its own. */
  readonly defaultUrls: Readonly<Record<string, string>>;
  /** Operations that every provider of these types takes as they are. */
  readonly operations: readonly Operation[];
  /** Operations that only some of these providers take; `nativePathFor` decides for one llm. */
  readonly optional?: readonly Operation[];
  /** Returns the headers with the credential, and those that the provider requires. Names in lower case. */
  headers(apiKey: string | undefined, quirks: Quirks): Record<string, string>;
  /** Reads an error body: JSON of any shape, HTML, plain text or nothing. */
  readError(status: number, body: string): ProviderFault;
}

/** A provider's own error. */
export interface ProviderFault {
  /** One sentence, at most 1,000 characters. */
  message: string;
  /** The provider's type of the error: `rate_limit_error`. */
  type?: string;
  meaning?: ErrorMeaning;
  /** Seconds after which the provider allows a retry, as its error tells. */
  retryAfter?: number;
  /** The provider's error object, where it sent one of a sensible size. */
  fields?: Readonly<Record<string, unknown>>;
}

/** A provider's error in a stream or in a whole answer, with the HTTP status that it names or that its type stands for. */
export type StreamFault = ProviderFault & { status?: number };

/**
 * Converts the stream of a provider to the stream for the caller, passed through or translated. Bytes come in cut
 * anywhere.
 */
export interface StreamPipe {
  /**
   * Takes bytes of the provider. Returns what is to be sent now: the very same array where nothing is changed, text, or
   * null for nothing. Returns null for everything that comes after `done`.
   */
  push(chunk: Uint8Array): Uint8Array | string | null;
  /** Ends the stream. Returns what is still to be sent, such as a `[DONE]` that the provider left out; null for nothing. */
  end(): Uint8Array | string | null;
  /** True once the answer is whole: a finish reason was read, or `message_stop`. */
  readonly finished: boolean;
  /** True once the terminal frame was read: the bytes returned with it are the last ones. */
  readonly done: boolean;
  /** The tokens so far. */
  readonly usage: Usage;
  /** An error that the provider reported in the stream. It has not been sent to the caller, and ends the stream. */
  readonly fault: StreamFault | undefined;
  /** The answer of a responses stream: an error frame must name it. */
  readonly position?: StreamPosition | undefined;
  /** A finished answer of a responses stream, to which later requests can refer. */
  readonly answer?: ResponsesAnswer | undefined;
  /** Bytes that wait for the rest of a frame, or of the answer. */
  readonly held?: number;
}

/** An answer of a responses call: its id and its items. */
export interface ResponsesAnswer {
  id: string;
  output: readonly unknown[];
}

/** Translates calls of one dialect to another one, and the answers back. Pure functions. */
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
  /** Does the same in several turns of the event loop, for a large request; undefined where it has one step only. */
  requestInTurns?(
    body: Record<string, unknown>,
    model: string,
    quirks: Quirks,
  ): Promise<Record<string, unknown>>;
  /**
   * Returns the answer for the caller.
   *
   * @param model The name by which the caller called the model.
   * @param request The caller's request: answers of responses calls repeat parts of it.
   * @throws AppError `provider_error` for an answer that makes no sense
   */
  response(body: unknown, model: string, request?: Record<string, unknown>): Record<string, unknown>;
  /** Returns the pipe of a streamed answer. The parameters are those of `response`. */
  stream(model: string, request: Record<string, unknown>): StreamPipe;
}
