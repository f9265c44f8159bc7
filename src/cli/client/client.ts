import { AppError, codeOfStatus, isErrorCode } from "../../errors.ts";
import { systemReason } from "../../system-errors.ts";

/** The address of a server, and the token that is sent to it. */
export interface Endpoint {
  /** `http://127.0.0.1:7777`, or `unix:///path/to/mcpctl.sock`. */
  url: string;
  /** Sent as a bearer token; the Unix socket needs none. */
  token?: string;
  /** The setting that the address comes from, for errors: `context "home"`. */
  origin?: string;
}

export interface CallOptions {
  query?: Record<string, string | undefined>;
  body?: unknown;
  signal?: AbortSignal;
  /** The media type that is accepted: `application/x-ndjson`. */
  accept?: string;
  /** No time limit, unless `--timeout` sets one: the server works for as long as it needs. */
  unlimited?: true;
}

export interface ProbeOptions {
  query?: Record<string, string | undefined>;
  headers?: Record<string, string>;
  /** Sent as it is. A stream is sent piece by piece. */
  body?: Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array<ArrayBuffer>>;
  signal: AbortSignal;
  /** False sends no token. */
  bearer?: false;
}

/** The time limit of a request in milliseconds, unless `--timeout` sets one. */
const defaultTimeout = 30_000;

/** A client of the HTTP API. An error of the server is thrown as the AppError that the server has sent. */
export class ApiClient {
  readonly endpoint: Endpoint;
  readonly #fetch: typeof fetch;
  readonly #timeout: number | undefined;
  readonly #log: ((line: string) => void) | undefined;
  readonly #signal: AbortSignal | undefined;

  constructor(
    endpoint: Endpoint,
    options: {
      fetch?: typeof fetch;
      /** The time limit of each request in milliseconds. */
      timeout?: number;
      /** Called with a line for each request. */
      log?: (line: string) => void;
      /** Aborts all requests. */
      signal?: AbortSignal;
    } = {},
  ) {
    this.endpoint = endpoint;
    this.#fetch = options.fetch ?? fetch;
    this.#timeout = options.timeout;
    this.#log = options.log;
    this.#signal = options.signal;
  }

  /** Sends a request and returns the parsed JSON of the response; undefined for 204. Throws AppError. */
  async call<T = unknown>(method: string, path: string, options: CallOptions = {}): Promise<T> {
    const timeout = this.#timeout ?? (options.unlimited ? undefined : defaultTimeout);
    const limits = timeout === undefined ? [] : [AbortSignal.timeout(timeout)];
    const response = await this.#send(method, path, options, limits);
    if (response.status === 204) return undefined as T;
    try {
      return (await response.json()) as T;
    } catch (cause) {
      // The parser's own message is left out: it quotes the response.
      if (cause instanceof SyntaxError)
        throw new AppError("internal", `unexpected response from ${this.#where}: it is not JSON`);
      throw this.#connectionError(cause);
    }
  }

  /** Sends a request and returns the response for streaming. No time limit. Throws AppError unless it is a success. */
  raw(method: string, path: string, options: CallOptions = {}): Promise<Response> {
    return this.#send(method, path, options, []);
  }

  /**
   * Sends a request and returns any response, also one that a proxy has made: for measuring the connection.
   *
   * @throws AppError if there is no response
   */
  probe(
    method: string,
    path: string,
    { query, headers, body, signal, bearer }: ProbeOptions,
  ): Promise<Response> {
    const signals = [this.#signal, signal].filter((one) => one !== undefined);
    return this.#exchange(method, path, query, {
      headers: { ...(bearer !== false && this.#bearer), ...headers },
      ...(body !== undefined && { body }),
      signal: AbortSignal.any(signals),
      timeout: false,
    });
  }

  async #send(method: string, path: string, options: CallOptions, limits: AbortSignal[]): Promise<Response> {
    const signals = [...limits, this.#signal, options.signal].filter((signal) => signal !== undefined);
    const response = await this.#exchange(method, path, options.query, {
      headers: {
        ...this.#bearer,
        ...(options.body !== undefined && { "content-type": "application/json" }),
        ...(options.accept !== undefined && { accept: options.accept }),
      },
      ...(options.body !== undefined && { body: JSON.stringify(options.body) }),
      ...(signals.length > 0 && { signal: AbortSignal.any(signals) }),
      // Otherwise Bun ends a request after five minutes of silence.
      ...(limits.length === 0 && { timeout: false }),
    });
    if (response.ok) return response;
    throw await serverError(response);
  }

  get #bearer(): Record<string, string> {
    const { token } = this.endpoint;
    return token === undefined ? {} : { authorization: `Bearer ${token}` };
  }

  async #exchange(
    method: string,
    path: string,
    query: CallOptions["query"],
    init: BunFetchRequestInit,
  ): Promise<Response> {
    const unix = this.endpoint.url.startsWith("unix://");
    const url = new URL(path, unix ? "http://localhost" : this.endpoint.url);
    for (const [key, value] of Object.entries(query ?? {}))
      if (value !== undefined) url.searchParams.set(key, value);
    let response: Response;
    try {
      response = await this.#fetch(url, {
        ...init,
        method,
        redirect: "manual",
        ...(unix && { unix: this.endpoint.url.slice("unix://".length) }),
      });
    } catch (cause) {
      throw this.#connectionError(cause);
    }
    this.#log?.(
      `${method} ${url.pathname}${url.search} ${response.status} ${response.headers.get("x-request-id") ?? ""}`,
    );
    return response;
  }

  get #where(): string {
    const { url, origin } = this.endpoint;
    return origin ? `${url} (${origin})` : url;
  }

  #connectionError(cause: unknown): AppError {
    const where = this.#where;
    const { name } = cause as { name?: string };
    if (name === "TimeoutError")
      return new AppError("timed_out", `${where} did not respond in time`, { cause });
    if (name === "AbortError") return new AppError("interrupted", "interrupted", { cause });
    const { text = "no connection", code, hint } = systemReason(cause) ?? {};
    return new AppError("connection_failed", `cannot reach ${where}: ${text}${code ? ` (${code})` : ""}`, {
      cause,
      hint: this.#hintFor(code) ?? hint ?? chooseServer,
    });
  }

  /** The advice that fits the address that was called. */
  #hintFor(code: string | undefined): string | undefined {
    const { url } = this.endpoint;
    if (code === "ECONNREFUSED" || code === "ConnectionRefused" || code === "ENOENT") return chooseServer;
    const isCut = code === "ECONNRESET" || code === "Malformed_HTTP_Response";
    return isCut && url.startsWith("http:")
      ? `if the server speaks TLS there, write https: ${url.replace("http:", "https:")}`
      : undefined;
  }
}

const chooseServer =
  'start the server with "mcpctl server", or choose another one: mcpctl config get-contexts';

/** The error that a response carries. A body that is no error of the server (a proxy's page) becomes one line. */
async function serverError(response: Response): Promise<AppError> {
  const text = await response.text();
  const retryAfter = Number(response.headers.get("retry-after")) || undefined;
  try {
    const body = JSON.parse(text);
    // Under /v1 errors have the shape that SDKs expect.
    const error = typeof body.error === "object" && body.error ? body.error : body;
    const message = error === body ? body.error : error.message;
    if (typeof message === "string") {
      const code = isErrorCode(error.code) ? error.code : codeOfStatus(response.status);
      return new AppError(code, message, {
        status: response.status,
        hint: body.hint,
        details: body.details,
        retryAfter,
      });
    }
  } catch {}
  const message = `the server responded with ${response.status} ${response.statusText}`.trim();
  return new AppError(codeOfStatus(response.status), message, {
    status: response.status,
    retryAfter,
    // The words of nginx and of Go.
    ...(/plain HTTP request was sent to HTTPS port|HTTP request to an HTTPS server/.test(text) && {
      hint: "the server speaks TLS there: write https:// instead of http://",
    }),
  });
}
