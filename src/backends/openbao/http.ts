import { AppError } from "../../errors.ts";
import { isLoopbackHost } from "../../hosts.ts";
import { createOutbound, type Outbound, type OutboundTimeouts } from "../../net/outbound.ts";
import { normaliseProviderUrl, providerUrl } from "../../net/provider-url.ts";
import { backoffDelay, retryAfterIn } from "../../time.ts";
import { isObject, parsedObject } from "../../wire/json.ts";
import { faultOfFailedCall, faultOfResponse, permanent } from "./faults.ts";
import type { BaoBackend } from "./paths.ts";

/** A request to the API of OpenBao. */
export interface BaoRequest {
  method: "GET" | "POST" | "DELETE";
  /** Below `/v1/`: `secret/data/mcpctl/sec_1/ver_1`. */
  path: string;
  query?: string;
  body?: object;
  token?: string;
  /** The size limit of the response, in bytes. Default: 1 MiB. */
  limit?: number;
  /** True if doing it twice does harm: it is not retried once the server may have carried it out. */
  once?: boolean;
  /** Number of attempts. Default: 3. */
  attempts?: number;
  /** True for `sys/health` alone: every status is accepted, and no namespace is sent. */
  health?: boolean;
}

/** A response in JSON with a status of 200, 204, 400, 403 or 404, or of any status for `sys/health`. */
export interface BaoResponse {
  status: number;
  /** Empty with a 204. */
  body: Readonly<Record<string, unknown>>;
}

export interface Bao {
  /** Throws AppError `unavailable` when retries did not help, `secret_unavailable` when they would not. */
  request(request: BaoRequest): Promise<BaoResponse>;
  close(): void;
}

export interface BaoOptions extends BaoBackend {
  /** Monotonic clock, in milliseconds (T91). */
  now?: () => number;
  random?: () => number;
  pause?: (ms: number) => Promise<void>;
}

// All times are in milliseconds.
const timeouts: OutboundTimeouts = { connect: 3_000, firstByte: 10_000, silence: 10_000 };
/** Limit for all attempts of a request, pauses included. */
const budget = 10_000;
const longestWait = 5_000;
const backoffSpan = { first: 100, longest: longestWait };
/** Limit for one attempt, even if the response keeps trickling in (T64). */
const longestAttempt = 30_000;
const mebibyte = 1024 * 1024;

/** Size limit of a response with values: a little more than the largest request, which has 32 MiB. */
export const dataLimit = 34 * mebibyte;

/** The result of one attempt. */
type AttemptResult =
  | { response: BaoResponse }
  /** `undone`: the server cannot have carried it out. `wait`: the pause that the server asks for, in milliseconds. */
  | { fault: AppError; undone: boolean; wait?: number };

/** Opens a client of the API of one OpenBao. It sends nothing before the first request. */
export function createBao(options: BaoOptions): Bao {
  const { name, now = () => performance.now(), random = Math.random, pause = Bun.sleep } = options;
  let pooled: ReturnType<typeof openOutbound> | undefined;
  let base: string | undefined;

  async function attempt(request: BaoRequest): Promise<AttemptResult> {
    base ??= baseOf(options);
    const url = urlOf(name, base, request);
    pooled ??= openOutbound(options);
    // On a pooled connection that turns out to be closed, the client itself sends the request again.
    const outbound = request.once ? openOutbound(options) : pooled;
    try {
      const exchange = await outbound(url, {
        method: request.method,
        headers: headersOf(options, request),
        ...(request.body && { body: JSON.stringify(request.body) }),
        timeouts,
        signal: AbortSignal.timeout(longestAttempt),
      });
      const text = await exchange.text(request.limit ?? mebibyte);
      return outcomeOf(name, exchange.status, text, exchange.headers.get("retry-after"), request);
    } catch (error) {
      return faultOfFailedCall(name, error);
    } finally {
      if (outbound !== pooled) outbound.close();
    }
  }

  return {
    async request(request) {
      const { attempts = 3, once = false } = request;
      const end = now() + budget;
      for (let tried = 1; ; tried++) {
        const outcome = await attempt(request);
        if ("response" in outcome) return outcome.response;
        const { fault, undone } = outcome;
        // Full jitter, but no less than the server asks for.
        const wait = Math.max(outcome.wait ?? 0, backoffDelay(tried - 1, backoffSpan, random));
        const futile = fault.code !== "unavailable" || (once && !undone);
        if (futile || tried === attempts || wait > longestWait || now() + wait > end) throw fault;
        await pause(wait);
      }
    },
    close: () => pooled?.close(),
  };
}

function outcomeOf(
  name: string,
  status: number,
  text: string,
  retryAfter: string | null | undefined,
  request: BaoRequest,
): AttemptResult {
  const body = objectIn(text);
  if (request.health && body) return { response: { status, body } };
  const seconds = retryAfterIn(retryAfter);
  const fault = faultOfResponse(name, {
    status,
    body,
    text: text.slice(0, 1_000),
    ...(seconds !== undefined && { retryAfter: seconds }),
  });
  if (!fault) return { response: { status, body: body ?? {} } };
  // These statuses are sent before the request is carried out; with another 5xx nobody knows.
  const undone = status < 500 || status === 503;
  return { fault, undone, ...(seconds !== undefined && { wait: seconds * 1000 }) };
}

function openOutbound({ name, config: { caCert }, proxyFor }: BaoBackend): Outbound & { close(): void } {
  try {
    return createOutbound({ proxyFor, ...(caCert !== undefined && { ca: caCert }) });
  } catch (cause) {
    throw permanent(name, "its caCert is not a certificate in PEM", { cause });
  }
}

function baseOf({ name, config: { url, allowInsecure } }: BaoBackend): string {
  let base: string;
  try {
    base = normaliseProviderUrl(url);
  } catch (cause) {
    throw permanent(name, cause instanceof AppError ? cause.message : "its url cannot be used", { cause });
  }
  const { protocol, hostname } = new URL(base);
  if (protocol === "http:" && !allowInsecure && !isLoopbackHost(hostname))
    throw permanent(name, "no token is sent over plain http to another machine", {
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
    throw permanent(name, "its mount, pathPrefix or auth would lead somewhere else", { cause });
  }
}

function headersOf({ config: { namespace } }: BaoBackend, request: BaoRequest): Record<string, string> {
  return {
    "x-vault-request": "true",
    accept: "application/json",
    ...(request.body && { "content-type": "application/json" }),
    ...(namespace && !request.health && { "x-vault-namespace": namespace }),
    ...(request.token && { "x-vault-token": request.token }),
  };
}

function objectIn(text: string): Record<string, unknown> | undefined {
  const parsed = parsedObject(text);
  return isObject(parsed) ? parsed : undefined;
}
