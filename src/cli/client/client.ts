import { AppError } from "../../errors.ts";
import type { HttpProxy, ProxyRule } from "../../proxies.ts";
import { systemReason } from "../../system-errors.ts";
import { parsedAnswer, textOf } from "./answer-text.ts";
import { Liveness, type LivenessTimes } from "./liveness.ts";
import type { TokenOrigin } from "./refused-token.ts";
import type { AnswerShape } from "./shape.ts";

/** The address of a server, and the token that is sent to it. */
export interface Endpoint {
  /** `http://127.0.0.1:7777`, or `unix:///path/to/mcpctl.sock`. */
  url: string;
  /** Sent as a bearer token; the Unix socket needs none. */
  token?: string;
  /** The setting that the token comes from. */
  tokenSource?: TokenOrigin;
  /** The setting that the address comes from, for errors: `context "home"`. */
  origin?: string;
  /** A sentence for the user, before anything is sent. */
  warning?: string;
  /** The certificates of the authorities that are trusted, in PEM, instead of those of the system. */
  ca?: readonly string[];
  /** The file that they come from. */
  caFile?: string;
  /** The user that the token acts as, and who acts. */
  actingAs?: { user: string; by: string };
}

interface SendOptions {
  query?: Record<string, string | undefined>;
  body?: unknown;
  /** A body that is sent as it comes, in place of one as JSON; its media type is among the headers. */
  bytes?: ReadableStream<Uint8Array<ArrayBuffer>>;
  signal?: AbortSignal;
  /** The media type that is accepted: `application/x-ndjson`. */
  accept?: string;
  headers?: Record<string, string>;
  /** False sends no token. */
  bearer?: false;
}

export interface CallOptions<T> extends SendOptions {
  /** The shape that the answer must have. */
  answer: AnswerShape<T>;
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

/** Milliseconds within which an answer must begin, and then the time between two parts of it. */
const progressLimit = 30_000;
/** Milliseconds within which a server responds to a question that needs no work. */
const livenessLimit = 10_000;

/**
 * A client of the HTTP API. It trusts no server: each answer is bounded and has the shape that was asked for, or the
 * call fails (T109). An error of the server is thrown as AppError.
 */
export class ApiClient {
  readonly endpoint: Endpoint;
  readonly #fetch: typeof fetch;
  readonly #timeout: number | undefined;
  readonly #proxyFor: ProxyRule | undefined;
  readonly #log: ((line: string) => void) | undefined;
  readonly #signal: AbortSignal | undefined;
  readonly #liveness: LivenessTimes | undefined;
  readonly #wait: (() => () => void) | undefined;

  constructor(
    endpoint: Endpoint,
    options: {
      fetch?: typeof fetch;
      /** The time limit of each request in milliseconds, from its begin to the end of its answer. */
      timeout?: number;
      /** The proxy of each URL. */
      proxyFor?: ProxyRule;
      /** Called with a line for each request. */
      log?: (line: string) => void;
      /** Aborts all requests. */
      signal?: AbortSignal;
      liveness?: LivenessTimes;
      /** Called when a request begins; returns a function that is called when its answer is there. */
      wait?: () => () => void;
    } = {},
  ) {
    this.endpoint = endpoint;
    this.#fetch = options.fetch ?? fetch;
    this.#timeout = options.timeout;
    this.#proxyFor = options.proxyFor;
    this.#log = options.log;
    this.#signal = options.signal;
    this.#liveness = options.liveness;
    this.#wait = options.wait;
  }

  /**
   * Sends a request and returns the answer; undefined for 204. Fails when the server makes no progress for 30 seconds,
   * or with `unlimited` when it no longer responds at all.
   *
   * @throws AppError
   */
  async call<T>(method: string, path: string, options: CallOptions<T>): Promise<T> {
    const wait = options.unlimited ? this.#untilGone() : untilSilent(progressLimit);
    const waited = this.#wait?.();
    try {
      const response = await this.#send(method, path, options, wait.signal);
      // Only the shape of any answer allows none.
      if (response.status === 204 && options.answer.faultIn(undefined) === undefined) return undefined as T;
      return parsedAnswer(await this.#text(response, () => wait.heard()), options.answer);
    } finally {
      wait.end();
      waited?.();
    }
  }

  /**
   * Sends a request and returns the bytes of its answer as they arrive, once it is known to be a success. It has no time
   * limit but that of `--timeout`; it ends when the server no longer responds.
   *
   * @throws AppError `timed_out` or `interrupted`; a lost connection throws another error while the bytes are read
   */
  async stream(
    method: string,
    path: string,
    options: SendOptions = {},
  ): Promise<AsyncIterable<Uint8Array<ArrayBuffer>>> {
    const wait = this.#untilGone();
    try {
      const response = await this.#send(method, path, options, wait.signal);
      return this.#bytesOf(response, wait);
    } catch (error) {
      wait.end();
      throw error;
    }
  }

  async *#bytesOf(response: Response, wait: Wait): AsyncGenerator<Uint8Array<ArrayBuffer>> {
    try {
      for await (const bytes of response.body ?? []) {
        wait.heard();
        yield bytes;
      }
    } catch (cause) {
      const { name } = cause as { name?: string };
      throw name === "TimeoutError" || name === "AbortError" ? this.#connectionError(cause) : cause;
    } finally {
      wait.end();
    }
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

  /** Returns a signal that aborts after a time in milliseconds, or after that of `--timeout` if it is shorter. */
  within(milliseconds: number): AbortSignal {
    return AbortSignal.timeout(Math.min(milliseconds, this.#timeout ?? milliseconds));
  }

  async #send(method: string, path: string, options: SendOptions, limit: AbortSignal): Promise<Response> {
    const total = this.#timeout === undefined ? undefined : AbortSignal.timeout(this.#timeout);
    const signals = [limit, total, this.#signal, options.signal].filter((signal) => signal !== undefined);
    const response = await this.#exchange(method, path, options.query, {
      headers: {
        ...(options.bearer !== false && this.#bearer),
        ...(options.body !== undefined && { "content-type": "application/json" }),
        ...(options.accept !== undefined && { accept: options.accept }),
        ...options.headers,
      },
      ...(options.body !== undefined && { body: JSON.stringify(options.body) }),
      ...(options.bytes && { body: options.bytes }),
      signal: AbortSignal.any(signals),
      // Otherwise Bun ends a request after five minutes of silence.
      timeout: false,
    });
    if (response.ok) return response;
    const { answerError } = await import("./answer-error.ts");
    const error = await this.#reading(answerError(response, this.proxy?.name));
    const { actingAs } = this.endpoint;
    if (!actingAs || error.code !== "unauthenticated") {
      const { namingToken } = await import("./refused-token.ts");
      throw namingToken(error, options.bearer === false ? undefined : this.endpoint.tokenSource);
    }
    throw new AppError("unauthenticated", `you no longer act as ${actingAs.user}`, {
      cause: error,
      hint: "to be yourself again: mcpctl config impersonate --quit",
    });
  }

  #text(response: Response, onBytes: () => void): Promise<string | undefined> {
    return this.#reading(textOf(response, undefined, onBytes));
  }

  /** Turns a connection that is lost within an answer into an AppError. */
  #reading<T>(reading: Promise<T>): Promise<T> {
    return reading.catch((cause) => {
      throw this.#connectionError(cause);
    });
  }

  /** A wait that ends when the server no longer responds. */
  #untilGone(): Liveness {
    const ask = async () => {
      const signal = AbortSignal.timeout(livenessLimit);
      await (await this.probe("GET", "/healthz", { bearer: false, signal })).body?.cancel();
    };
    return new Liveness(ask, this.#liveness);
  }

  get #bearer(): Record<string, string> {
    const { token } = this.endpoint;
    return token === undefined ? {} : { authorization: `Bearer ${token}` };
  }

  async #exchange(
    method: string,
    path: string,
    query: SendOptions["query"],
    init: BunFetchRequestInit,
  ): Promise<Response> {
    const unix = this.endpoint.url.startsWith("unix://");
    const url = new URL(path, unix ? "http://localhost" : this.endpoint.url);
    for (const [key, value] of Object.entries(query ?? {}))
      if (value !== undefined) url.searchParams.set(key, value);
    let response: Response;
    const { proxy } = this;
    const waited = this.#wait?.();
    try {
      response = await this.#fetch(url, {
        ...init,
        method,
        redirect: "manual",
        ...(unix && { unix: this.endpoint.url.slice("unix://".length) }),
        ...(proxy && { proxy: proxy.url }),
        ...(this.endpoint.ca && { tls: { ca: [...this.endpoint.ca] } }),
      });
    } catch (cause) {
      throw this.#connectionError(cause);
    } finally {
      waited?.();
    }
    if (response.status === 407 && proxy) throw loginRefused(proxy);
    this.#log?.(
      `${method} ${url.pathname}${url.search} ${response.status} ${(response.headers.get("x-request-id") ?? "").slice(0, 100)}`,
    );
    return response;
  }

  /** The proxy to the server; undefined if there is none. Throws AppError `usage` if its variable is not valid. */
  get proxy(): HttpProxy | undefined {
    const { url } = this.endpoint;
    return url.startsWith("unix:") ? undefined : this.#proxyFor?.(new URL(url));
  }

  get #where(): string {
    const { url, origin } = this.endpoint;
    const where = origin ? `${url} (${origin})` : url;
    const { proxy } = this;
    return proxy ? `${where} through the proxy ${proxy.name}` : where;
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
    if (this.proxy && code !== "ERR_PROXY_TUNNEL" && isConnection(code))
      return `check HTTP_PROXY and HTTPS_PROXY, or add ${new URL(url).hostname} to NO_PROXY`;
    if (
      /^(DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_.*|CERT_UNTRUSTED)$/.test(code ?? "")
    )
      return "if you trust it: mcpctl login --ca-cert /path/to/ca.pem, or the same flag of mcpctl config set-context";
    if (code === "ECONNREFUSED" || code === "ConnectionRefused" || code === "ENOENT") return chooseServer;
    const isCut = code === "ECONNRESET" || code === "Malformed_HTTP_Response";
    return isCut && url.startsWith("http:")
      ? `if the server speaks TLS there, write https: ${url.replace("http:", "https:")}`
      : undefined;
  }
}

/** The error of a proxy that wants a login, in place of the server's response. */
function loginRefused({ name }: HttpProxy): AppError {
  return new AppError("connection_failed", `the proxy ${name} requires a user and password (407)`, {
    hint: "write them into the variable: HTTP_PROXY=http://user:password@proxy:3128",
  });
}

/** True if the code tells of the connection itself, which a proxy makes in place of this machine. */
function isConnection(code: string | undefined): boolean {
  return code === undefined || /^(E[A-Z]+|ConnectionRefused|Malformed_HTTP_Response)$/.test(code);
}

const chooseServer =
  'start the server with "mcpctl server", or choose another one: mcpctl config get-contexts';

/** A wait for a server: `heard` is called when something has arrived, and `signal` ends it. */
type Wait = Pick<Liveness, "signal" | "heard" | "end">;

/** A wait that ends when nothing has arrived for some milliseconds. */
function untilSilent(milliseconds: number): Wait {
  const abort = new AbortController();
  const expire = () => abort.abort(new DOMException("no progress", "TimeoutError"));
  const timer = setTimeout(expire, milliseconds).unref();
  return { signal: abort.signal, heard: () => timer.refresh(), end: () => clearTimeout(timer) };
}
