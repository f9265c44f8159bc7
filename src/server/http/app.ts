import { Elysia } from "elysia";
import { AppError } from "../../errors.ts";
import { adminPrincipal, principalOf } from "../core/access/principals.ts";
import type { AccessLog } from "../observability/access-log.ts";
import type { Series } from "../observability/metrics.ts";
import { hostGuard, isCanonicalPath, isDecodable, pathOf } from "./guard.ts";
import {
  type Asked,
  type Authenticate,
  answer,
  failure,
  type Peer,
  type RequestFacts,
  type Route,
  toldOf,
  type Unexpected,
} from "./route.ts";
import { auditRoutes } from "./routes/audit.ts";
import { authRoutes } from "./routes/auth.ts";
import { inferenceRoutes } from "./routes/inference.ts";
import { linkRoutes } from "./routes/link.ts";
import { masterKeyRoutes } from "./routes/master-key.ts";
import { personaRoutes } from "./routes/persona.ts";
import { probeRoutes } from "./routes/probe.ts";
import { providerSessionRoutes } from "./routes/provider-session.ts";
import { resourceRoutes } from "./routes/resource.ts";
import { systemRoutes } from "./routes/system.ts";
import { threadRoutes } from "./routes/thread.ts";
import { usageRoutes } from "./routes/usage.ts";
import type { Server } from "./server.ts";

/** All routes there are. The router knows no others, and each says what it needs. */
export function allRoutes(server: Server): Route[] {
  const routes: Route[] = [];
  routes.push(
    ...systemRoutes(server, () => routes),
    ...auditRoutes(server),
    ...authRoutes(server),
    ...masterKeyRoutes(server),
    ...usageRoutes(server),
    ...providerSessionRoutes(server),
    ...linkRoutes(server),
    ...resourceRoutes(server),
    ...inferenceRoutes(server),
    ...personaRoutes(server),
    ...threadRoutes(server),
    ...probeRoutes(server),
  );
  return routes;
}

export interface AppOptions {
  /** Over TCP a bearer says who asks; over the Unix socket it is the administrator, unless a bearer says otherwise. */
  peer: Peer;
  publicUrls: readonly string[];
  nextRequestId(): string;
  unexpected: Unexpected;
  /** Where requests are logged. */
  accessLog?: AccessLog;
}

const none: Readonly<Record<string, string>> = {};

/** The HTTP face of the server, as a function from request to response. */
export function createApp(server: Server, options: AppOptions): (request: Request) => Promise<Response> {
  const { peer, nextRequestId, unexpected, accessLog } = options;
  const authenticate = authenticator(server, peer);
  // Unknown fields are refused by name in `validateFields`; `normalize` would drop them silently. Elysia takes
  // hosts to have four characters and more, and looks for the path behind them: `http://nas/` has three.
  const router = new Elysia({ normalize: false, handler: { standardHostname: false } });
  const routes = allRoutes(server);
  // A path that a route spells out is beyond doubt; any other is looked at.
  const spelledOut = new Set(routes.map(({ path }) => path).filter((path) => !path.includes(":")));
  for (const route of routes) {
    const count = countedBy(server, route);
    router.route(
      route.method,
      route.path,
      // Only these two are destructured: the router parses nothing else.
      async ({ request, params }: { request: Request; params?: Record<string, string> }) => {
        const asked: Asked = { request, requestId: nextRequestId(), peer, params: params ?? none };
        if (!accessLog) {
          const response = await answer(route, asked, authenticate, unexpected);
          count(response.status);
          return response;
        }
        const startedAt = performance.now();
        const facts: RequestFacts = {};
        const response = await answer(route, { ...asked, facts }, authenticate, unexpected);
        count(response.status);
        accessLog.responded({
          ...facts,
          requestId: asked.requestId,
          method: route.method,
          route: route.path,
          status: response.status,
          durationMs: performance.now() - startedAt,
          // Other streams answer a GET.
          streaming: route.method === "POST" && response.headers.get("content-type") === "text/event-stream",
        });
        return response;
      },
      { parse: "none" },
    );
  }
  /** What reaches no route. */
  const refuse = (error: unknown, { method }: Request, path: string) => {
    const requestId = nextRequestId();
    const response = failure(error, requestId, path, unexpected);
    const { status } = response;
    const { code } = toldOf(error);
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
  router.onError(({ code, error, request }) =>
    refuse(code === "NOT_FOUND" ? notFound() : error, request, pathOf(request.url)),
  );
  const guardHost = hostGuard(options.publicUrls);
  return async (request) => {
    let path = "";
    try {
      // First: the URL is made with the Host header, and says what that wants it to.
      if (peer === "tcp") guardHost(request.headers.get("host"));
      path = pathOf(request.url);
      if (!spelledOut.has(path)) checkPath(path);
    } catch (error) {
      return refuse(error, request, path);
    }
    return request.method === "HEAD" ? head(router, request) : router.fetch(request);
  };
}

function checkPath(path: string): void {
  if (!isCanonicalPath(path)) throw notFound();
  if (!isDecodable(path)) throw new AppError("invalid_request", "the path is not valid UTF-8");
}

/** Counts the answers of a route, by status. */
function countedBy(server: Server, { method, path }: Route): (status: number) => void {
  const byStatus = new Map<number, Series>();
  return (status) => {
    const series =
      byStatus.get(status) ??
      server.metrics.series("mcpctl_http_requests_total", { method, route: path, status });
    byStatus.set(status, series);
    series.add();
  };
}

/** A GET without its body, through the same rules. */
async function head(router: Elysia, request: Request): Promise<Response> {
  const { body, status, headers } = await router.fetch(
    new Request(request.url, { headers: request.headers }),
  );
  await body?.cancel();
  return new Response(null, { status, headers });
}

function authenticator(server: Server, peer: Peer): Authenticate {
  return (request) => {
    const { snapshot } = server.catalogue;
    const header = request.headers.get("authorization");
    const bearer = header ? /^Bearer +(\S+)$/i.exec(header)?.[1] : request.headers.get("x-api-key");
    if (!header && !bearer) return peer === "unix" ? adminPrincipal(snapshot) : undefined;
    const principal = bearer ? principalOf(snapshot, bearer, server.now()) : undefined;
    if (principal?.kind === "Token") snapshot.volatile.lastUsed.set(principal.id, server.now());
    return principal;
  };
}

function notFound(): AppError {
  return new AppError("not_found", "there is nothing at this path");
}
