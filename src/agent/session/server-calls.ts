import { AppError, codeOfStatus, type Fault, isErrorCode } from "../../errors.ts";
import { pause, type Time } from "../../time.ts";
import { linkPaths } from "../../wire/link/constants.ts";
import type { HeartbeatRequest, RegisterRequest } from "../../wire/link/registration.ts";
import type { AcceptRequest, TaskResult } from "../../wire/link/tasks.ts";
import { lineOf, textOf } from "./response-text.ts";

/** Where the server is, and the bearer as it is now. */
export interface ServerEndpoint {
  /** `https://llm.example.org`, without a path. */
  url: string;
  /** Reads it anew: it may have been rotated. Throws AppError when it cannot be read. */
  token(): string;
}

/** The server's answer, whatever its status. */
export interface Reply {
  status: number;
  /** Parsed where it is JSON; undefined otherwise. */
  body: Record<string, unknown> | undefined;
  /** What went wrong, in the server's words; undefined for a success. */
  error: AppError | undefined;
}

/** The bearer that is in use. */
export class Bearer {
  /** Called when there is another one. */
  onChange = () => {};
  readonly #read: () => string;
  #current: string | undefined;

  constructor(read: () => string) {
    this.#read = read;
  }

  /** Throws AppError when there is none and none can be read. */
  get current(): string {
    this.#current ??= this.#read();
    return this.#current;
  }

  /** Looks whether there is another one by now; one that cannot be read is none. */
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

/** The agent's calls to its server, besides the stream. */
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

  register(body: RegisterRequest, signal: AbortSignal): Promise<Reply> {
    return this.#post(linkPaths.register, body, signal, 20_000, true);
  }

  heartbeat(body: HeartbeatRequest, signal: AbortSignal): Promise<Reply> {
    return this.#post(linkPaths.heartbeat, body, signal, 10_000);
  }

  accept(taskId: string, body: AcceptRequest, signal: AbortSignal): Promise<Reply> {
    return this.#post(`${linkPaths.task}/${encodeURIComponent(taskId)}/accept`, body, signal, 10_000);
  }

  result(taskId: string, body: TaskResult, signal: AbortSignal): Promise<Reply> {
    return this.#post(`${linkPaths.task}/${encodeURIComponent(taskId)}/result`, body, signal, 10_000);
  }

  /**
   * @param patience milliseconds for the whole call; a long body gets one more for every 32 bytes
   * @param anew by a connection of its own: one that was kept may have died with the stream
   * @throws AppError `connection_failed` when nothing that can be read comes back
   */
  async #post(
    path: string,
    body: object,
    signal: AbortSignal,
    patience: number,
    anew = false,
  ): Promise<Reply> {
    const text = JSON.stringify(body);
    const once = (token: string) => this.#once(path, text, token, signal, patience + text.length / 32, anew);
    const token = this.bearer.current;
    const reply = await once(token);
    // Rotated meanwhile: the old one may be gone at once. Another call may have read the new one already.
    if (reply.status !== 401 || !(this.bearer.refresh() || this.bearer.current !== token)) return reply;
    return once(this.bearer.current);
  }

  async #once(
    path: string,
    text: string,
    token: string,
    signal: AbortSignal,
    limit: number,
    anew: boolean,
  ): Promise<Reply> {
    const late = new AbortController();
    const inTime = this.time.after(limit, () => late.abort());
    try {
      const response = await this.fetch(new URL(path, this.url), {
        method: "POST",
        redirect: "manual",
        headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
        body: text,
        signal: AbortSignal.any([signal, late.signal]),
        timeout: false,
        keepalive: !anew,
      });
      return replyOf(response, await textOf(response));
    } catch (cause) {
      throw new AppError("connection_failed", "the server cannot be reached", { cause });
    } finally {
      inTime();
    }
  }
}

/** Reads an answer: the server's own errors, and the pages that stand in front of it. */
export function replyOf(response: Response, text: string): Reply {
  let body: Record<string, unknown> | undefined;
  try {
    const value = JSON.parse(text) as unknown;
    if (typeof value === "object" && value !== null) body = value as Record<string, unknown>;
  } catch {
    // A proxy's page, or nothing.
  }
  const { status } = response;
  if (response.ok) return { status, body, error: undefined };
  const code = body?.["code"];
  const retryAfter = Number(response.headers.get("retry-after"));
  const details = faultsIn(body?.["details"]);
  const error = new AppError(
    isErrorCode(code) ? code : codeOfStatus(status),
    lineOf(body?.["error"]) || `the server answered ${status}`,
    { status, ...(retryAfter > 0 && { retryAfter }), ...(details && { details }) },
  );
  return { status, body, error };
}

function faultsIn(details: unknown): Fault[] | undefined {
  if (!Array.isArray(details)) return undefined;
  return details.flatMap((one) =>
    typeof one?.path === "string" ? [{ path: one.path, message: lineOf(one.message) }] : [],
  );
}

/** How a call that is tried again and again came out: its last answer, or undefined when there never was one. */
export interface Persistence {
  time: Time;
  signal: AbortSignal;
  /** Milliseconds from the first failure to the last try. */
  patience: number;
}

/** Repeats a call while the server cannot be reached, is overloaded or does not know the bearer. */
export async function persist(
  call: () => Promise<Reply>,
  { time, signal, patience }: Persistence,
): Promise<Reply | undefined> {
  let failedAt: number | undefined;
  for (let delay = 100; ; delay = Math.min(2 * delay, 2_000)) {
    let reply: Reply | undefined;
    try {
      reply = await call();
      if (reply.status < 500 && ![401, 408, 429].includes(reply.status)) return reply;
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
    }
    if (signal.aborted) return undefined;
    failedAt ??= time.elapsed();
    const wait = Math.max(delay * (0.5 + time.random() / 2), 1000 * (reply?.error?.retryAfter ?? 0));
    if (time.elapsed() + wait - failedAt > patience) return reply;
    await pause(time, wait, signal);
  }
}
