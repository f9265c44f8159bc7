import { AppError, codeOfStatus, type Fault, isErrorCode } from "../../errors.ts";
import { reasonText } from "../../system-errors.ts";
import { pause, retryAfterIn, type Time } from "../../time.ts";
import { parsedObject } from "../../wire/json.ts";
import { linkPaths, requestLimits, silenceMs } from "../../wire/link/constants.ts";
import type { HeartbeatRequest, RegisterRequest } from "../../wire/link/registration.ts";
import type { AcceptRequest, TaskResult } from "../../wire/link/tasks.ts";
import { lineOf, textOf } from "./response-text.ts";

/** The address of the server and the current bearer. */
export interface ServerEndpoint {
  /** `https://llm.example.org`, without a path. */
  url: string;
  /** Reads the bearer again, because it may have been rotated. Throws AppError when it cannot be read. */
  token(): string;
}

/** A response of the server, whatever its status. */
export interface ServerResponse {
  status: number;
  /** The parsed body; undefined when it is not a JSON object. */
  body: Record<string, unknown> | undefined;
  /** The server's error; undefined for a success. */
  error: AppError | undefined;
}

/** The bearer in use. */
export class Bearer {
  /** Called when the bearer has changed. */
  onChange = () => {};
  readonly #read: () => string;
  #current: string | undefined;

  constructor(read: () => string) {
    this.#read = read;
  }

  /** Returns the bearer, and reads it at first use. Throws AppError when it cannot be read. */
  get current(): string {
    this.#current ??= this.#read();
    return this.#current;
  }

  /** Reads the bearer again. Returns true if it has changed; false too when it cannot be read. */
  refresh(): boolean {
    let found: string;
    try {
      found = this.#read();
    } catch {
      return false;
    }
    if (found === this.#current) return false;
    this.#current = found;
    this.onChange();
    return true;
  }
}

export interface ServerCallsOptions {
  url: string;
  bearer: Bearer;
  fetch: typeof fetch;
  time: Time;
}

/** The agent's calls to its server, except for the stream. */
export class ServerCalls {
  readonly url: string;
  readonly bearer: Bearer;
  readonly fetch: typeof fetch;
  readonly time: Time;

  constructor({ url, bearer, fetch, time }: ServerCallsOptions) {
    this.url = url;
    this.bearer = bearer;
    this.fetch = fetch;
    this.time = time;
  }

  register(body: RegisterRequest, signal: AbortSignal): Promise<ServerResponse> {
    return this.#post(linkPaths.register, body, signal, 20_000, true);
  }

  heartbeat(body: HeartbeatRequest, signal: AbortSignal): Promise<ServerResponse> {
    return this.#post(linkPaths.heartbeat, body, signal, 10_000);
  }

  accept(taskId: string, body: AcceptRequest, signal: AbortSignal): Promise<ServerResponse> {
    return this.#post(`${linkPaths.task}/${encodeURIComponent(taskId)}/accept`, body, signal, 10_000);
  }

  result(taskId: string, body: TaskResult, signal: AbortSignal): Promise<ServerResponse> {
    return this.#post(`${linkPaths.task}/${encodeURIComponent(taskId)}/result`, body, signal, 10_000);
  }

  /**
   * @param timeout milliseconds until the response begins to come; each 32 bytes of the body add one
   * @param newConnection true for a connection of its own: a kept one may have died with the stream
   * @throws AppError `connection_failed` when no response can be read
   */
  async #post(
    path: string,
    body: object,
    signal: AbortSignal,
    timeout: number,
    newConnection = false,
  ): Promise<ServerResponse> {
    const text = JSON.stringify(body);
    const once = (token: string) =>
      this.#once(path, text, token, signal, timeout + text.length / 32, newConnection);
    const token = this.bearer.current;
    const response = await once(token);
    // The bearer may have been rotated meanwhile, and another call may already have read the new one.
    if (response.status !== 401 || !(this.bearer.refresh() || this.bearer.current !== token)) return response;
    return once(this.bearer.current);
  }

  async #once(
    path: string,
    text: string,
    token: string,
    signal: AbortSignal,
    limit: number,
    newConnection: boolean,
  ): Promise<ServerResponse> {
    const late = new AbortController();
    let stop = this.time.after(limit, () => late.abort());
    // A request comes with an acceptance, over a line of any speed.
    const goOn = () => {
      stop();
      stop = this.time.after(silenceMs, () => late.abort());
    };
    try {
      const response = await this.fetch(new URL(path, this.url), {
        method: "POST",
        redirect: "manual",
        headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
        body: text,
        signal: AbortSignal.any([signal, late.signal]),
        timeout: false,
        keepalive: !newConnection,
      });
      return readServerResponse(response, await textOf(response, goOn));
    } catch (cause) {
      throw cannotReach(cause, late.signal.aborted);
    } finally {
      stop();
    }
  }
}

/** Returns the error of a call without a response. `isLate` is true when the agent itself ended it. */
export function cannotReach(cause: unknown, isLate: boolean): AppError {
  if (cause instanceof AppError) return cause;
  const reason = isLate ? "no response in time" : reasonText(cause, "no connection");
  return new AppError("connection_failed", `the server cannot be reached: ${reason}`, { cause });
}

/** Reads a response: the server's own, or the page of a proxy in front of it. */
export function readServerResponse(response: Response, text: string): ServerResponse {
  // The page of a proxy, or an empty body, is not an object.
  const body = parsedObject(text, requestLimits) as Record<string, unknown> | undefined;
  const { status } = response;
  if (response.ok) return { status, body, error: undefined };
  const code = body?.["code"];
  const retryAfter = retryAfterIn(response.headers.get("retry-after"));
  const details = faultsIn(body?.["details"]);
  const error = new AppError(
    isErrorCode(code) ? code : codeOfStatus(status),
    lineOf(body?.["error"]) || `the server responded with ${status}`,
    { status, ...(retryAfter && { retryAfter }), ...(details && { details }) },
  );
  return { status, body, error };
}

function faultsIn(details: unknown): Fault[] | undefined {
  if (!Array.isArray(details)) return undefined;
  return details.flatMap((one) =>
    typeof one?.path === "string" ? [{ path: one.path, message: lineOf(one.message) }] : [],
  );
}

/** Options of `persist`. */
export interface PersistOptions {
  time: Time;
  signal: AbortSignal;
  /** Milliseconds from the first failure to the last try. */
  timeout: number;
}

/**
 * Repeats a call while the server cannot be reached, is overloaded or does not know the bearer.
 *
 * @returns the last response; undefined when there was none, or when the signal has aborted
 */
export async function persist(
  call: () => Promise<ServerResponse>,
  { time, signal, timeout }: PersistOptions,
): Promise<ServerResponse | undefined> {
  let failedAt: number | undefined;
  for (let delay = 100; ; delay = Math.min(2 * delay, 2_000)) {
    let response: ServerResponse | undefined;
    try {
      response = await call();
      if (response.status < 500 && ![401, 408, 429].includes(response.status)) return response;
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
    }
    if (signal.aborted) return undefined;
    failedAt ??= time.elapsed();
    const wait = Math.max(delay * (0.5 + time.random() / 2), 1000 * (response?.error?.retryAfter ?? 0));
    if (time.elapsed() + wait - failedAt > timeout) return response;
    await pause(time, wait, signal);
  }
}
