import { callListener, type EndListener, type EndSignal } from "../end-signal.ts";
import { AppError } from "../errors.ts";
import { eventStreamHeaders } from "./sse.ts";

/** The most bytes of an unread body for which the connection is closed at once. */
const smallBodyBytes = 64 * 1024;

/** Seconds in which the rest of a larger unread body may still arrive. */
const lingerSeconds = 10;

/**
 * Handles a request after Bun has parsed all bytes that came with it. Bun takes trailers behind a chunked body for a
 * second, broken request: it answers that with 400 and closes the connection. So the request itself has no effect then.
 */
export function handleFramed(request: Request, handle: RequestHandler): Response | Promise<Response> {
  return request.headers.has("transfer-encoding") ? handleLater(request, handle) : handle(request);
}

/** The headers of a request, as handlers of calls read them. */
export type ReadHeaders = Pick<Headers, "get" | "has"> & Iterable<[string, string]>;

/** The parts of a `Request` that handlers of calls use. A listener can make them without a `Request`, which is costly. */
export interface CallRequest extends Pick<Request, "method" | "url" | "signal" | "body" | "bytes"> {
  readonly headers: ReadHeaders;
  /** The path of its URL, where the listener knows it. */
  readonly path?: string;
  /** True if the listener takes the bytes of a response as they are made, without a `ReadableStream`. */
  readonly takesLive?: boolean;
  /** Returns the body if it has come whole, in one piece; undefined otherwise, and where the listener does not know. */
  arrived?(): Uint8Array<ArrayBuffer> | undefined;
  /** Is told that the request is answered here: it will not be passed on, and so need not be kept. */
  staysHere?(): void;
  /** Calls back once when the caller has gone, without a signal, which is costly. */
  whenGone?(callback: EndListener): void;
}

/** Calls back once when the caller of a request has gone; at once if it has. */
export function whenGone(
  request: Pick<CallRequest, "whenGone"> & { readonly signal: EndSignal },
  callback: EndListener,
): void {
  if (request.whenGone) return request.whenGone(callback);
  const { signal } = request;
  if (signal.aborted) callListener(callback);
  else signal.addEventListener("abort", callback, { once: true });
}

/** Answers a request. */
export type RequestHandler = (request: Request) => Response | Promise<Response>;

async function handleLater(request: Request, handle: RequestHandler): Promise<Response> {
  await new Promise((resolve) => setImmediate(resolve));
  return request.signal.aborted ? new Response(null, { status: 400 }) : handle(request);
}

/**
 * Decides when the connection of a request is closed, unless another request comes. It is closed at once, with the
 * response, after a chunked body, after a small body that was not read, and after a stream that answers GET: that one
 * ends when one side leaves. The rest of a large unread body may arrive for a while, so that the caller reads the
 * response: a connection that is closed before would be reset.
 *
 * @returns seconds; 0 for no limit, because the response is a stream, which may be quiet
 */
export function secondsUntilClose(request: Request, response: Response, idleSeconds: number): number {
  const { headers } = response;
  const isStream = headers.get("content-type") === eventStreamHeaders["content-type"];
  // Not a number where it is stated twice.
  const unread = request.bodyUsed ? 0 : Number(request.headers.get("content-length"));
  const isLast =
    request.headers.has("transfer-encoding") ||
    (unread !== 0 && !(unread > smallBodyBytes)) ||
    (isStream && request.method === "GET");
  if (isLast) headers.set("connection", "close");
  if (isStream) return 0;
  return unread > 0 ? Math.min(lingerSeconds, idleSeconds) : idleSeconds;
}

/** Throws AppError if a request states its length twice: Bun joins two equal lengths to a list. */
export function checkLength(headers: Headers): void {
  const length = headers.get("content-length");
  if (length !== null && !/^\d+$/.test(length))
    throw new AppError("invalid_request", "the header content-length must be one number");
}

/**
 * True if an Origin header is that of a web page that does not come from this server. Applications have schemes of their
 * own, such as `tauri:`. A sandboxed page and a local file have the origin `null`.
 *
 * @param host the Host header. The scheme is not compared: a proxy in front may have TLS
 */
export function isForeignPage(origin: string, host: string | null): boolean {
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(origin) && !/^https?:/i.test(origin)) return false;
  return host === null || origin.toLowerCase().replace(/^https?:\/\//, "") !== host.toLowerCase();
}
