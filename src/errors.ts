/**
 * Every failure mcpctl reports on purpose: one code, the HTTP status a server answers with and the exit
 * code the command line ends with. Nothing else in the repository maps one to another.
 */
const table = {
  // code: [HTTP status, exit code]
  invalid_request: [400, 1],
  unauthenticated: [401, 4],
  forbidden: [403, 4],
  not_found: [404, 3],
  method_not_allowed: [405, 2],
  conflict: [409, 1],
  name_taken: [409, 1],
  stale_version: [409, 1],
  still_referenced: [409, 1],
  // Whoever starts the agent again then would have two of them chase each other: 4 says not to.
  fenced: [409, 4],
  watch_expired: [410, 1],
  gone: [410, 1],
  payload_too_large: [413, 1],
  unsupported_media_type: [415, 1],
  misdirected_request: [421, 1],
  too_many_requests: [429, 1],
  client_closed_request: [499, 1],
  internal: [500, 1],
  secret_unavailable: [500, 1],
  not_supported: [501, 1],
  provider_unreachable: [502, 1],
  provider_rejected_credential: [502, 1],
  provider_error: [502, 1],
  unavailable: [503, 1],
  server_busy: [503, 1],
  provider_timeout: [504, 1],
  storage_full: [507, 1],
  loop_detected: [508, 1],
  // Only the command line meets these; a server never sends them.
  usage: [400, 2],
  connection_failed: [503, 1],
  timed_out: [504, 6],
  interrupted: [499, 130],
} as const satisfies Record<string, readonly [status: number, exit: number]>;

export type ErrorCode = keyof typeof table;

/** One fault in what was sent. `path` is a JSON pointer into it: `/apiKeyRef/name`; "" is the whole. */
export interface Fault {
  path: string;
  message: string;
}

export interface ErrorOptions {
  /** The next step for the reader, in a sentence. */
  hint?: string;
  details?: Fault[];
  /** The underlying error. For logs, never sent to a caller. */
  cause?: unknown;
  /** Seconds after which trying again makes sense; becomes the `retry-after` header. */
  retryAfter?: number;
  /** Overrides the table: a provider's own status, passed on. */
  status?: number;
  /** The error as the provider described it. */
  provider?: ProviderError;
  /** The id of the request that a server refused: its audit log has more about it. */
  requestId?: string;
}

/** A provider's description of an error. The clients of a dialect act on more of it than the message. */
export interface ProviderError {
  /** The family of the dialect that it is written in. */
  family: "openai" | "anthropic";
  /** `overloaded_error` */
  type?: string;
  /** Undefined for an error that means nothing special. */
  meaning?: ErrorMeaning;
  /** Every field that the provider sent, for callers of its own dialect. No keys are in it. */
  fields: Readonly<Record<string, unknown>>;
  /** Headers of its response that tell the limits of its account. */
  headers?: Readonly<Record<string, string>>;
}

/** The meaning of an error, which each dialect says in its own words. */
export type ErrorMeaning =
  /** The key is wrong, has expired or lacks a right. */
  | { is: "credential" }
  /** The account has no money left. Waiting does not help. */
  | { is: "quota" }
  /** The provider does not have the model. */
  | { is: "no_model" }
  /** The model or its chat template cannot take such a request, and never will. */
  | { is: "unsupported_input" }
  /** The content is not allowed. */
  | { is: "moderation" }
  /** Reasoning in the request was encrypted for another account. */
  | { is: "sealed_elsewhere" }
  /** The request does not fit into the model's context. Numbers are tokens; undefined where the provider told none. */
  | {
      is: "overflow";
      prompt?: number | undefined;
      output?: number | undefined;
      limit?: number | undefined;
    };

/** An error with a code from the table and a message that may be shown to whoever made the request. */
export class AppError extends Error {
  override readonly name = "AppError";
  readonly code: ErrorCode;
  readonly hint?: string;
  readonly details?: Fault[];
  readonly retryAfter?: number;
  readonly provider?: ProviderError;
  readonly requestId?: string;
  readonly status: number;

  constructor(code: ErrorCode, message: string, options: ErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.status = options.status ?? table[code][0];
    if (options.hint !== undefined) this.hint = options.hint;
    if (options.details !== undefined) this.details = options.details;
    if (options.retryAfter !== undefined) this.retryAfter = options.retryAfter;
    if (options.provider !== undefined) this.provider = options.provider;
    if (options.requestId !== undefined) this.requestId = options.requestId;
  }

  /** The exit code of the command line for this error. */
  get exitCode(): number {
    return table[this.code][1];
  }
}

/** True for a code of the table: an older client may be told one it does not know. */
export function isErrorCode(code: unknown): code is ErrorCode {
  return typeof code === "string" && Object.hasOwn(table, code);
}

/** Returns the code of an answer that has a status and no code of its own, as the page of a proxy. */
export function codeOfStatus(status: number): ErrorCode {
  const code = codesByStatus[status];
  return code ?? (status < 500 ? "invalid_request" : "internal");
}

const codesByStatus: Readonly<Record<number, ErrorCode>> = {
  401: "unauthenticated",
  403: "forbidden",
  404: "not_found",
  409: "conflict",
  410: "gone",
  429: "too_many_requests",
  503: "unavailable",
};

/** The error of a call whose caller has closed the connection. */
export function callerLeft(cause?: unknown): AppError {
  return new AppError("client_closed_request", "the caller went away", { cause });
}

/** The body of every error under `/api/v1`. */
export interface ErrorBody {
  error: string;
  code: string;
  details?: Fault[];
  hint?: string;
  requestId: string;
}

/** Renders an error for `/api/v1`. */
export function errorBody(error: AppError, requestId: string): ErrorBody {
  return {
    error: error.message,
    code: error.code,
    ...(error.details && { details: error.details }),
    ...(error.hint && { hint: error.hint }),
    requestId,
  };
}
