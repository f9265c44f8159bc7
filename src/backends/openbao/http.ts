import { AppError } from "../../errors.ts";
import { createOutbound, type Outbound, type OutboundTimeouts } from "../../net/outbound.ts";
import { isLoopbackHost, normaliseProviderUrl, providerUrl } from "../../net/provider-url.ts";
import { backoffDelay } from "../../time.ts";
import { faultOfAnswer, faultOfCall, lasting } from "./faults.ts";
import type { Backend } from "./paths.ts";

/** One request to the API of OpenBao. */
export interface BaoRequest {
  method: "GET" | "POST" | "DELETE";
  /** Below `/v1/`: `secret/data/mcpctl/sec_1/ver_1`. */
  path: string;
  query?: string;
  body?: object;
  token?: string;
  /** The largest answer that is read, in bytes; 1 MiB when left out. */
  limit?: number;
  /** Doing it twice does harm: it is not tried again once it may have been done. */
  once?: boolean;
  /** How often it is tried, 3 times when left out. */
  attempts?: number;
  /** `sys/health` alone: any status is an answer, and there are no namespaces. */
  health?: boolean;
}

/** An answer in JSON with a status of 200, 204, 400, 403 or 404; any, when health was asked for. */
export interface BaoAnswer {
  status: number;
  /** Empty with a 204. */
  body: Readonly<Record<string, unknown>>;
}

export interface Bao {
  /** Throws AppError `unavailable` when trying again has not helped, `secret_unavailable` when it would not. */
  request(request: BaoRequest): Promise<BaoAnswer>;
  close(): void;
}

export interface BaoOptions extends Backend {
  /** A clock that nobody sets, in milliseconds (T91). */
  now?: () => number;
  random?: () => number;
  pause?: (ms: number) => Promise<void>;
}

/** Milliseconds. */
const timeouts: OutboundTimeouts = { connect: 3_000, firstByte: 10_000, silence: 10_000 };
const budget = 10_000;
const longestWait = 5_000;
const backoffSpan = { first: 100, longest: longestWait };
/** One attempt is over after this, even if the answer keeps trickling in (T64). */
const longestAttempt = 30_000;
const mebibyte = 1024 * 1024;

/** Values come in answers a little larger than the requests they came in, which are of 32 MiB at most. */
export const dataLimit = 34 * mebibyte;

/** What came of one attempt. */
type Outcome =
  | { answer: BaoAnswer }
  /** `undone`: nothing can have been done. `wait`: how long the server asks to wait, in milliseconds. */
  | { fault: AppError; undone: boolean; wait?: number };

/** Speaks to the API of one OpenBao. Nothing is sent before the first request. */
export function createBao(options: BaoOptions): Bao {
  const { name, now = () => performance.now(), random = Math.random, pause = Bun.sleep } = options;
  let kept: ReturnType<typeof openDoor> | undefined;
  let base: string | undefined;

  async function attempt(request: BaoRequest): Promise<Outcome> {
    base ??= baseOf(options);
    const url = urlOf(name, base, request);
    kept ??= openDoor(options);
    // On a kept connection that turns out to be closed, the client itself sends a request again.
    const door = request.once ? openDoor(options) : kept;
    try {
      const exchange = await door(url, {
        method: request.method,
        headers: headersOf(options, request),
        ...(request.body && { body: JSON.stringify(request.body) }),
        timeouts,
        signal: AbortSignal.timeout(longestAttempt),
      });
      const text = await exchange.text(request.limit ?? mebibyte);
      return outcomeOf(name, exchange.status, text, exchange.headers.get("retry-after"), request);
    } catch (error) {
      return faultOfCall(name, error);
    } finally {
      if (door !== kept) door.close();
    }
  }

  return {
    async request(request) {
      const { attempts = 3, once = false } = request;
      const end = now() + budget;
      for (let tried = 1; ; tried++) {
        const outcome = await attempt(request);
        if ("answer" in outcome) return outcome.answer;
        const { fault, undone } = outcome;
        // Full jitter, but no less than the server asks for.
        const wait = Math.max(outcome.wait ?? 0, backoffDelay(tried - 1, backoffSpan, random));
        const futile = fault.code !== "unavailable" || (once && !undone);
        if (futile || tried === attempts || wait > longestWait || now() + wait > end) throw fault;
        await pause(wait);
      }
    },
    close: () => kept?.close(),
  };
}

function outcomeOf(
  name: string,
  status: number,
  text: string,
  retryAfter: string | null | undefined,
  request: BaoRequest,
): Outcome {
  const body = objectIn(text);
  if (request.health && body) return { answer: { status, body } };
  const seconds = /^\d{1,6}$/.test(retryAfter ?? "") ? Number(retryAfter) : undefined;
  const fault = faultOfAnswer(name, {
    status,
    body,
    text: text.slice(0, 1_000),
    ...(seconds !== undefined && { retryAfter: seconds }),
  });
  if (!fault) return { answer: { status, body: body ?? {} } };
  // These are said before anything is done; after another 5xx nobody knows.
  const undone = status < 500 || status === 503;
  return { fault, undone, ...(seconds !== undefined && { wait: seconds * 1000 }) };
}

function openDoor({ name, config: { caCert } }: Backend): Outbound & { close(): void } {
  try {
    return createOutbound(caCert === undefined ? {} : { ca: caCert });
  } catch (cause) {
    throw lasting(name, "its caCert is not a certificate in PEM", { cause });
  }
}

function baseOf({ name, config: { url, allowInsecure } }: Backend): string {
  let base: string;
  try {
    base = normaliseProviderUrl(url);
  } catch (cause) {
    throw lasting(name, cause instanceof AppError ? cause.message : "its url cannot be used", { cause });
  }
  const { protocol, hostname } = new URL(base);
  if (protocol === "http:" && !allowInsecure && !isLoopbackHost(hostname))
    throw lasting(name, "no token is sent over plain http to another machine", {
      hint: "use https, or set allowInsecure",
    });
  return base;
}

function urlOf(name: string, base: string, { path, query }: BaoRequest): URL {
  try {
    const url = providerUrl(base, `/v1/${path}`);
    if (query) url.search = query;
    return url;
  } catch (cause) {
    throw lasting(name, "its mount, pathPrefix or auth would lead somewhere else", { cause });
  }
}

function headersOf({ config: { namespace } }: Backend, request: BaoRequest): Record<string, string> {
  return {
    "x-vault-request": "true",
    accept: "application/json",
    ...(request.body && { "content-type": "application/json" }),
    ...(namespace && !request.health && { "x-vault-namespace": namespace }),
    ...(request.token && { "x-vault-token": request.token }),
  };
}

function objectIn(text: string): Record<string, unknown> | undefined {
  try {
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === "object" && parsed !== null && !Array.isArray(parsed)
      ? (parsed as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}
