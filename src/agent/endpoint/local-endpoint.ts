import { AppError, callerLeft, errorBody } from "../../errors.ts";
import { HttpFailure, type Outbound, type OutboundOptions } from "../../net/outbound.ts";
import type { ProviderResponse } from "../../net/pushed-response.ts";
import { systemReason } from "../../system-errors.ts";
import { dialects } from "../../wire/dialects/index.ts";
import { dialectAt } from "../../wire/dialects/operations.ts";
import { checkLength, handleFramed, isForeignPage, secondsUntilClose } from "../../wire/incoming-request.ts";
import type { Providers } from "../core/provider.ts";
import { answerLocally } from "./answer-locally.ts";
import { failing, mayUse, standIn } from "./failover.ts";
import { isProjectEndpoint, type LocalRequest, readLocalRequest } from "./local-request.ts";
import { responseBody } from "./response-body.ts";

/** Options of `openLocalEndpoint`. */
export interface LocalEndpointOptions {
  /** A loopback address. Port 0 means any free port. */
  listen: { hostname: string; port: number };
  /** URL of the server: `https://llm.example.org`. */
  server: string;
  providers: Providers;
  outbound: Outbound;
  /** Logs each failover, and each one that fails. */
  log(line: string): void;
  /** The most requests at a time; 256 if not given: each may hold 32 MB. */
  maxRequests?: number;
  /** Seconds without a byte after which a connection is closed, unless it waits for a response; 60 if not given. */
  idleSeconds?: number;
}

export interface LocalEndpoint {
  /** URL for the tools: `http://127.0.0.1:7778/v1`. */
  url: string;
  close(): Promise<void>;
}

/** Milliseconds. The server itself waits 300 s for a provider. */
const timeouts = { connect: 5_000, firstByte: 310_000, silence: 310_000 };

/** Headers of the server's response that the caller gets. */
const passedOn = [
  "allow",
  "cache-control",
  "content-type",
  "mcp-session-id",
  "request-id",
  "retry-after",
  "www-authenticate",
  "x-accel-buffering",
  "x-request-id",
];

const maxErrorBytes = 256 * 1024;

/**
 * Serves the server's `/v1` and the endpoints of its projects for MCP clients to the tools of this machine. Each call goes
 * to the server with the caller's own bearer.
 * If the server cannot get a response, a provider of this machine responds, if it has `failoverFor` that llm and the
 * server confirms that the caller may use it. The endpoint has no right and no bearer of its own.
 *
 * @throws AppError `unavailable` when the port is taken; `invalid_request` for an address that others can reach
 */
export function openLocalEndpoint(options: LocalEndpointOptions): LocalEndpoint {
  const { maxRequests = 256, idleSeconds = 60 } = options;
  const { hostname, port } = options.listen;
  if (!/^(127(\.\d{1,3}){3}|::1|localhost)$/.test(hostname))
    throw new AppError("invalid_request", `the local endpoint does not listen on ${hostname}`, {
      hint: "it serves this machine only; use a loopback address such as 127.0.0.1:7778",
    });
  try {
    const listening = Bun.serve({
      hostname,
      port,
      reusePort: false,
      development: false,
      idleTimeout: idleSeconds,
      maxRequestBodySize: 64 * 1024 * 1024,
      async fetch(request, bun) {
        if (bun.pendingRequests > maxRequests) return tooMany(request, maxRequests);
        // The server sends comments on quiet streams. The idle limit is for the time between two requests, and for the
        // bytes of a body.
        const onRead = () => bun.timeout(request, 0);
        const response = await handleFramed(request, (own) => respond(own, options, onRead));
        const seconds = secondsUntilClose(request, response, idleSeconds);
        if (seconds > 0) bun.timeout(request, seconds);
        // A tool of this machine connects again at no cost.
        else response.headers.set("connection", "close");
        return response;
      },
    });
    const host = hostname.includes(":") ? `[${hostname}]` : hostname;
    return { url: `http://${host}:${listening.port}/v1`, close: () => listening.stop(true) };
  } catch (cause) {
    throw new AppError("unavailable", `cannot listen on ${hostname}:${port}`, {
      cause,
      hint: "if another agent runs, choose another address with --listen, or --listen none",
    });
  }
}

function tooMany(request: Request, most: number): Response {
  const error = new AppError("unavailable", `the local endpoint has ${most} requests under way`, {
    hint: "try again when some of them have ended",
    retryAfter: 1,
  });
  const response = failure(URL.parse(request.url)?.pathname ?? "/v1/", error);
  response.headers.set("connection", "close");
  return response;
}

/** @param onRead called when the whole request has arrived */
async function respond(
  request: Request,
  options: LocalEndpointOptions,
  onRead: () => void,
): Promise<Response> {
  // With an invalid Host header, Bun gives only the path, or a text that is not a URL.
  const url = URL.parse(request.url, options.server);
  try {
    // The name of a web page can resolve to this address (DNS rebinding, T72).
    if (
      !url ||
      !/^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d{1,5})?$/i.test(request.headers.get("host") ?? "")
    )
      throw new AppError("misdirected_request", "this endpoint responds only to the host name localhost");
    checkLength(request.headers);
    const origin = request.headers.get("origin");
    const isReading = request.method === "GET" && !isProjectEndpoint(url.pathname);
    if (origin !== null && !isReading && isForeignPage(origin, request.headers.get("host")))
      throw new AppError("forbidden", "requests of web pages are refused");
    const caller = await readLocalRequest(request);
    onRead();
    return await forward(caller, options);
  } catch (thrown) {
    const error = thrown instanceof AppError ? thrown : new AppError("internal", "internal error");
    if (error.code === "internal") options.log(`the local endpoint failed: ${String(thrown)}`);
    return failure(url?.pathname ?? "/v1/", error);
  }
}

/** Returns the server's response, or the error that it cannot be reached; or the response of a failover in its place. */
async function forward(caller: LocalRequest, options: LocalEndpointOptions): Promise<Response> {
  const { outbound, server } = options;
  let refused: Response;
  try {
    const got = await outbound(new URL(caller.path, server), {
      method: caller.method as OutboundOptions["method"],
      headers: caller.headers,
      ...((caller.form ?? caller.text) !== undefined && { body: caller.form ?? caller.text! }),
      timeouts,
      signal: caller.signal,
    });
    if (!failing.has(got.status))
      return new Response(got.status === 204 ? null : responseBody(got), {
        status: got.status,
        headers: headersOf(got),
      });
    refused = new Response((await got.bytes(maxErrorBytes)) as Uint8Array<ArrayBuffer>, {
      status: got.status,
      headers: headersOf(got),
    });
  } catch (cause) {
    if (caller.signal.aborted) throw callerLeft();
    const why = cause instanceof HttpFailure ? `: ${systemReason(cause)?.text ?? cause.message}` : "";
    const error = new AppError("provider_unreachable", `the mcpctl server cannot be reached${why}`, {
      cause,
    });
    refused = failure(caller.path, error);
  }
  return (await failOver(caller, options)) ?? refused;
}

/** Returns the response of a failover; undefined when no provider may respond, or when it fails too. */
async function failOver(caller: LocalRequest, options: LocalEndpointOptions): Promise<Response | undefined> {
  const { call, text, signal, passed } = caller;
  const provider = call && standIn(options.providers, call.model);
  if (!provider || text === undefined) return undefined;
  if (!(await mayUse(call.model, caller, options.server, options.outbound))) return undefined;
  try {
    const response = await answerLocally(provider, call, text, signal, passed);
    options.log(`${provider.config.name} responds for ${call.model}, which the server cannot reach`);
    return response;
  } catch (error) {
    options.log(`${provider.config.name} could not respond for ${call.model}: ${(error as Error).message}`);
    return undefined;
  }
}

function headersOf({ headers }: ProviderResponse): Record<string, string> {
  const names = passedOn.filter((name) => headers.has(name));
  return Object.fromEntries(names.map((name) => [name, headers.get(name)!]));
}

/** Returns an error in the form that SDKs expect of this path. */
function failure(path: string, error: AppError): Response {
  const wire = dialects[dialectAt(path)];
  const body = path.startsWith("/v1/") ? wire.errorBody(error, "local") : errorBody(error, "local");
  return Response.json(body, {
    status: error.status,
    headers: error.retryAfter === undefined ? {} : { "retry-after": String(Math.ceil(error.retryAfter)) },
  });
}
