import { Elysia } from "elysia";
import { AppError } from "../../errors.ts";
import { type CallRequest, checkLength } from "../../wire/incoming-request.ts";
import type { Principal } from "../core/access/policy.ts";
import {
  adminPrincipal,
  clientPrincipalOf,
  hasSameRights,
  isStillValid,
  principalOf,
} from "../core/access/principals.ts";
import { plainResponse } from "../core/whole-response.ts";
import type { AccessLog } from "../observability/access-log.ts";
import type { Series } from "../observability/metrics.ts";
import { recordDenied } from "./denied.ts";
import { hostGuard, isCanonicalPath, isDecodable, originGuard, pathOf, withPlainModel } from "./guard.ts";
import {
  type Authenticate,
  errorResponse,
  HeadRequest,
  type LogUnexpected,
  type Peer,
  publicError,
  type RespondOptions,
  type Route,
  respond,
} from "./route.ts";
import { auditRoutes } from "./routes/audit.ts";
import { authRoutes } from "./routes/auth.ts";
import { backupRoutes } from "./routes/backup.ts";
import { batchRoutes } from "./routes/batches.ts";
import { clusterRoutes } from "./routes/cluster.ts";
import { fileRoutes } from "./routes/files.ts";
import { inferenceRoutes } from "./routes/inference.ts";
import { limitRoutes } from "./routes/limits.ts";
import { linkRoutes } from "./routes/link.ts";
import { masterKeyRoutes } from "./routes/master-key.ts";
import { mcpRoutes } from "./routes/mcp.ts";
import { mcpCacheRoutes } from "./routes/mcp-cache.ts";
import { mcpConsentRoutes } from "./routes/mcp-consent.ts";
import { mcpLoginRoutes } from "./routes/mcp-login.ts";
import { mcpLogRoutes } from "./routes/mcp-logs.ts";
import { mcpOauthRoutes } from "./routes/mcp-oauth.ts";
import { mcpTrafficRoutes } from "./routes/mcp-traffic.ts";
import { messageBatchRoutes } from "./routes/message-batches.ts";
import { personaRoutes } from "./routes/persona.ts";
import { priceRoutes } from "./routes/prices.ts";
import { probeRoutes } from "./routes/probe.ts";
import { providerSessionRoutes } from "./routes/provider-session.ts";
import { providerStateRoutes } from "./routes/provider-state.ts";
import { resourceRoutes } from "./routes/resource.ts";
import { rightsRoutes } from "./routes/rights.ts";
import { systemRoutes } from "./routes/system.ts";
import { taskRoutes } from "./routes/tasks.ts";
import { threadRoutes } from "./routes/thread.ts";
import { usageRoutes } from "./routes/usage.ts";
import { webRoutes } from "./routes/web.ts";
import { workstationRoutes } from "./routes/workstations.ts";
import type { AppServer, Server } from "./server.ts";
import { unknownPaths } from "./unknown-path.ts";
import { pageBearer } from "./web/page-session.ts";

/** Returns all routes of the server. Each declares the right that it needs. */
export function allRoutes(server: Server): Route[] {
  const routes: Route[] = [];
  routes.push(
    ...webRoutes(server),
    ...systemRoutes(server, () => routes),
    ...auditRoutes(server),
    ...authRoutes(server),
    ...rightsRoutes(server),
    ...masterKeyRoutes(server),
    ...backupRoutes(server),
    ...usageRoutes(server),
    ...limitRoutes(server),
    ...priceRoutes(server),
    ...providerSessionRoutes(server),
    ...linkRoutes(server),
    ...workstationRoutes(server),
    ...resourceRoutes(server),
    ...inferenceRoutes(server),
    ...providerStateRoutes(server),
    ...taskRoutes(server),
    ...fileRoutes(server),
    ...batchRoutes(server),
    ...messageBatchRoutes(server),
    ...mcpRoutes(server),
    ...mcpLogRoutes(server),
    ...mcpTrafficRoutes(server),
    ...mcpCacheRoutes(server),
    ...mcpLoginRoutes(server),
    ...mcpOauthRoutes(server),
    ...mcpConsentRoutes(server),
    ...clusterRoutes(server),
    ...personaRoutes(server),
    ...threadRoutes(server),
    ...probeRoutes(server),
  );
  return routes;
}

export interface AppOptions {
  /** Requests without a bearer are the administrator's on the Unix socket, and are refused over TCP. */
  peer: Peer;
  publicUrls: readonly string[];
  nextRequestId(): string;
  logUnexpected: LogUnexpected;
  accessLog?: AccessLog;
}

const none: Readonly<Record<string, string>> = {};

/** The paths with parameters that are remembered with their routes, and their longest. */
const mostPaths = 1000;
const longestPath = 200;

/** Handles a request that reached one route. */
type Handler = (request: Request, params?: Readonly<Record<string, string>>) => Promise<Response>;

/** Returns the function that handles all requests of one listener. */
export function createApp(
  server: AppServer,
  routes: readonly Route[],
  options: AppOptions,
): (request: Request) => Response | Promise<Response> {
  const { peer, nextRequestId, logUnexpected, accessLog } = options;
  const authenticate = authenticator(server, peer);
  // `normalize` would silently drop unknown fields, which `validateFields` refuses by name. With `standardHostname`,
  // Elysia looks for the path behind the first four characters of the host, but the host of `http://nas/` has three.
  const router = new Elysia({ normalize: false, handler: { standardHostname: false } });
  /** Routes without parameters, by path. The router need not look for them, and their paths need no check. */
  const literal = new Map<string, Map<string, Handler>>();
  /** Requests that the router has led to a route with parameters, by method and path. It need not look for them again. */
  const routed = new Map<string, (request: Request) => Promise<Response>>();
  for (const route of routes) {
    const count = countedBy(server, route);
    const options: RespondOptions = {
      authenticate,
      logUnexpected,
      onDenied: (denied, incoming, principal) => recordDenied(server, denied, incoming, principal),
      bodies: server.bodies,
      recheckOf: (principal) => recheckOf(server, principal),
      onResponse(response, { facts, requestId }) {
        count(response.status);
        if (!facts) return;
        const { startedAt, ...found } = facts;
        accessLog?.responded({
          ...found,
          requestId,
          method: route.method,
          route: route.path,
          status: response.status,
          durationMs: performance.now() - startedAt,
          // Streams of calls are responses to POST; other streams are responses to GET.
          streaming: route.method === "POST" && response.headers.get("content-type") === "text/event-stream",
        });
      },
    };
    const handler: Handler = (request, params = none) => {
      const facts = accessLog && { startedAt: performance.now() };
      return respond(route, { request, requestId: nextRequestId(), peer, params, facts }, options);
    };
    if (!/[:*]/.test(route.path)) {
      const byMethod = literal.get(route.path) ?? new Map<string, Handler>();
      literal.set(route.path, byMethod.set(route.method, handler));
    }
    router.route(
      route.method,
      route.path,
      // Elysia parses only what is destructured here.
      ({ request: found, params }: { request: Request; params?: Record<string, string> }) => {
        const request = wholeOf(found);
        const path = pathOf(request.url);
        if (routed.size >= mostPaths) routed.clear();
        if (path.length <= longestPath)
          routed.set(`${route.method} ${path}`, (again) => handler(again, Object.freeze(params)));
        return handler(request, params).then(plainResponse);
      },
      { parse: "none" },
    );
  }
  const unknown = unknownPaths(routes);
  /** Refuses a request that reaches no route. */
  const refuse = (thrown: unknown, { method, url }: Request, path: string) => {
    const requestId = nextRequestId();
    const missing = thrown === noRoute ? unknown(method, path, baseOf(options.publicUrls, url)) : undefined;
    const error = missing?.error ?? thrown;
    const response = errorResponse(error, requestId, path, logUnexpected);
    if (missing?.allow) response.headers.set("allow", missing.allow);
    const { status } = response;
    const { code } = publicError(error);
    accessLog?.responded({
      requestId,
      method,
      route: null,
      status,
      durationMs: 0,
      error: code,
      streaming: false,
    });
    return response;
  };
  router.onError(({ code, error, request: found }) => {
    const request = wholeOf(found);
    return refuse(code === "NOT_FOUND" ? noRoute : error, request, pathOf(request.url));
  });
  const guardHost = hostGuard(options.publicUrls);
  const guardOrigin = originGuard(options.publicUrls);
  return (request) => {
    let path = "";
    const { headers, method } = request;
    try {
      // The host comes first: Bun makes the URL from the Host header, whatever that contains.
      if (peer === "tcp") guardHost(headers.get("host"));
      path = (request as CallRequest).path ?? pathOf(request.url);
      checkLength(headers);
      guardOrigin(request);
      const known = literal.get(path);
      const handler = known?.get(method);
      if (handler) return handler(request);
      const again = routed.get(`${method} ${path}`);
      if (again) return again(request);
      if (!known) checkPath(path);
    } catch (error) {
      return refuse(error, request, path);
    }
    return method === "HEAD" ? head(router, request) : router.fetch(forRouter(request));
  };
}

/** A request over TLS, as the router reads it: Elysia looks for the path of every URL behind `http://`. */
class PlainRequest extends Request {
  constructor(readonly whole: Request) {
    super(whole.url.replace("https:", "http:"), { method: whole.method });
  }
}

function forRouter(request: Request): Request {
  return request.url.startsWith("https:") ? new PlainRequest(request) : request;
}

/** Returns the request itself for one that the router was given. */
function wholeOf(request: Request): Request {
  return request instanceof PlainRequest ? request.whole : request;
}

function checkPath(path: string): void {
  if (!isCanonicalPath(withPlainModel(path))) throw noRoute;
  if (!isDecodable(path)) throw new AppError("invalid_request", "the path is not valid UTF-8");
}

/** Returns a function that counts the responses of a route by status. */
function countedBy(server: Pick<Server, "metrics">, { method, path }: Route): (status: number) => void {
  const byStatus = new Map<number, Series>();
  return (status) => {
    const series =
      byStatus.get(status) ??
      server.metrics.series("mcpctl_http_requests_total", { method, route: path, status });
    byStatus.set(status, series);
    series.add();
  };
}

/** Handles a HEAD request as a GET without its body, so that the same checks apply. */
async function head(router: Elysia, request: Request): Promise<Response> {
  const get = new HeadRequest(request.url, { headers: request.headers });
  const { body, status, headers } = await router.fetch(forRouter(get));
  await body?.cancel();
  return new Response(null, { status, headers });
}

function authenticator(server: AppServer, peer: Peer): Authenticate {
  return (request, { takesClients }) => {
    const { snapshot } = server.catalogue;
    const header = request.headers.get("authorization");
    let bearer = header ? bearerIn(header) : request.headers.get("x-api-key");
    if (!header && !bearer) {
      if (peer === "unix") return adminPrincipal(snapshot);
      bearer = pageBearer(request, server.publicUrls);
    }
    const now = server.now();
    let principal = bearer ? principalOf(snapshot, bearer, now) : undefined;
    if (takesClients && bearer && !principal) principal = clientPrincipalOf(snapshot, bearer, now);
    if (principal?.kind === "Token") snapshot.volatile.lastUsed.set(principal.id, now);
    if (principal && peer === "tcp") server.know(request);
    return principal;
  };
}

/** Returns the bearer of an `authorization` header; undefined if it has none. */
function bearerIn(header: string): string | undefined {
  const rest = header.startsWith("Bearer ") ? header.slice(7) : "";
  // What most callers send needs no list of matches.
  return rest !== "" && !/\s/.test(rest) ? rest : /^Bearer +(\S+)$/i.exec(header)?.[1];
}

function recheckOf({ catalogue, now }: AppServer, principal: Principal): () => void {
  const { snapshot: before } = catalogue;
  return () => {
    const { snapshot } = catalogue;
    if (snapshot === before) return;
    if (!isStillValid(snapshot, principal, now()))
      throw new AppError("unauthenticated", "the bearer is no longer valid", { hint: "mcpctl login" });
    if (!hasSameRights(snapshot, principal))
      throw new AppError("conflict", "your rights were changed while the request was sent", {
        hint: "send it again",
      });
  };
}

/** Stands for the error of a request that reaches no route. */
const noRoute = new AppError("not_found", "there is nothing at this path");

/** Returns the URL of this server as callers know it: its public URL, or the one that the request was sent to. */
function baseOf([publicUrl]: readonly string[], url: string): string {
  return (publicUrl ?? URL.parse(url)?.origin ?? "").replace(/\/+$/, "");
}
