import { AppError, errorBody } from "../../errors.ts";
import type { Outbound } from "../../net/outbound.ts";
import type { ProviderResponse } from "../../net/pushed-response.ts";
import { dialects } from "../../wire/dialects/index.ts";
import { dialectAt } from "../../wire/dialects/operations.ts";
import type { Providers } from "../core/provider.ts";
import { answerBody } from "./answer-body.ts";
import { answerLocally } from "./answer-locally.ts";
import { failing, mayUse, standIn } from "./failover.ts";
import { type LocalRequest, readLocalRequest } from "./local-request.ts";

/** What the endpoint works with. */
export interface LocalEndpointOptions {
  /** Loopback only. Port 0 takes a free one. */
  listen: { hostname: string; port: number };
  /** `https://llm.example.org` */
  server: string;
  providers: Providers;
  outbound: Outbound;
  /** Told of each failover, and of what went wrong with one. */
  log(line: string): void;
}

export interface LocalEndpoint {
  /** `http://127.0.0.1:7778/v1` */
  url: string;
  close(): Promise<void>;
}

/** The server itself waits 300 s for a provider. */
const timeouts = { connect: 5_000, firstByte: 310_000, silence: 310_000 };

/** Of the server's answer the caller sees these. */
const passedOn = [
  "cache-control",
  "content-type",
  "retry-after",
  "www-authenticate",
  "x-accel-buffering",
  "x-request-id",
];

const maxErrorBytes = 256 * 1024;

/**
 * Serves the server's `/v1` on this machine, for its tools: each call goes to the server with the bearer it came with.
 * Where the server cannot have it answered, a provider of this machine may, if it is set to stand in for that llm and
 * the server says that this caller may use it. It holds no right and no bearer of its own.
 *
 * @throws AppError `unavailable` when the port is taken; `invalid_request` for an address that others can reach
 */
export function openLocalEndpoint(options: LocalEndpointOptions): LocalEndpoint {
  const { hostname, port } = options.listen;
  if (!/^(127(\.\d{1,3}){3}|::1|localhost)$/.test(hostname))
    throw new AppError("invalid_request", `the local endpoint does not listen on ${hostname}`, {
      hint: "it is for the tools of this machine: 127.0.0.1:7778",
    });
  try {
    const listening = Bun.serve({
      hostname,
      port,
      reusePort: false,
      development: false,
      idleTimeout: 30,
      maxRequestBodySize: 64 * 1024 * 1024,
      fetch(request, bun) {
        bun.timeout(request, 0);
        return answer(request, options);
      },
    });
    const host = hostname.includes(":") ? `[${hostname}]` : hostname;
    return { url: `http://${host}:${listening.port}/v1`, close: () => listening.stop(true) };
  } catch (cause) {
    throw new AppError("unavailable", `cannot listen on ${hostname}:${port}`, {
      cause,
      hint: "is another agent running? Choose another with --listen, or none",
    });
  }
}

async function answer(request: Request, options: LocalEndpointOptions): Promise<Response> {
  // With a Host that is none Bun knows the path alone, or makes of both what is no URL.
  const url = URL.parse(request.url, options.server);
  try {
    // A page in a browser can have a name of its own lead here (DNS rebinding, T72).
    if (
      !url ||
      !/^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d{1,5})?$/i.test(request.headers.get("host") ?? "")
    )
      throw new AppError("misdirected_request", "this endpoint answers as localhost only");
    return await forward(await readLocalRequest(request), options);
  } catch (thrown) {
    const error = thrown instanceof AppError ? thrown : new AppError("internal", "something went wrong here");
    if (error.code === "internal") options.log(`the local endpoint failed: ${String(thrown)}`);
    return failure(url?.pathname ?? "/v1/", error);
  }
}

/** What the server answers; where it cannot be asked, the error that says so. */
async function forward(caller: LocalRequest, options: LocalEndpointOptions): Promise<Response> {
  const { outbound, server } = options;
  let refused: Response;
  try {
    const got = await outbound(new URL(caller.path, server), {
      method: caller.method as "GET" | "POST",
      headers: caller.headers,
      ...(caller.text !== undefined && { body: caller.text }),
      timeouts,
      signal: caller.signal,
    });
    if (!failing.has(got.status))
      return new Response(answerBody(got), { status: got.status, headers: headersOf(got) });
    refused = new Response((await got.bytes(maxErrorBytes)) as Uint8Array<ArrayBuffer>, {
      status: got.status,
      headers: headersOf(got),
    });
  } catch (cause) {
    if (caller.signal.aborted) throw new AppError("client_closed_request", "the caller went away");
    const error = new AppError("provider_unreachable", "the mcpctl server cannot be reached", { cause });
    refused = failure(caller.path, error);
  }
  return (await failOver(caller, options)) ?? refused;
}

/** The answer of a provider that stands in; undefined where none may, or it fails as well. */
async function failOver(caller: LocalRequest, options: LocalEndpointOptions): Promise<Response | undefined> {
  const { call, text, signal } = caller;
  const provider = call && standIn(options.providers, call.model);
  if (!provider || text === undefined) return undefined;
  if (!(await mayUse(call.model, caller, options.server, options.outbound))) return undefined;
  try {
    const response = await answerLocally(provider, call, text, signal);
    options.log(`${provider.config.name} answers for ${call.model}, which the server cannot reach`);
    return response;
  } catch (error) {
    options.log(`${provider.config.name} could not answer for ${call.model}: ${(error as Error).message}`);
    return undefined;
  }
}

function headersOf({ headers }: ProviderResponse): Record<string, string> {
  const names = passedOn.filter((name) => headers.has(name));
  return Object.fromEntries(names.map((name) => [name, headers.get(name)!]));
}

/** An error as the SDKs that call this path read errors. */
function failure(path: string, error: AppError): Response {
  const wire = dialects[dialectAt(path)];
  const body = path.startsWith("/v1/") ? wire.errorBody(error, "local") : errorBody(error, "local");
  return Response.json(body, {
    status: error.status,
    headers: error.retryAfter === undefined ? {} : { "retry-after": String(Math.ceil(error.retryAfter)) },
  });
}
