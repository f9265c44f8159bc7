import { join } from "node:path";
import { expect, it } from "vitest";
import { kindOf, kinds } from "../../../src/kinds/index.ts";
import { openStore } from "../../../src/server/core/store/index.ts";
import { StoreError } from "../../../src/server/core/store/types.ts";
import { allRoutes } from "../../../src/server/http/app.ts";
import type { Route } from "../../../src/server/http/route.ts";
import type { Server } from "../../../src/server/http/server.ts";
import { type Client, must, testServer } from "../../support/server.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

// Routes are declarations: making them touches nothing of a server.
const routes = allRoutes({ metricsPublic: false } as Server);

const openToAll = [
  "GET /",
  "GET /assets/:name",
  "GET /api/v1/auth/page",
  "GET /v1",
  "GET /healthz",
  "GET /readyz",
  "GET /.well-known/oauth-protected-resource/projects/:name/mcp",
  "GET /mcp/oauth/callback",
  "GET /mcp/oauth/client.json",
  "GET /.well-known/oauth-authorization-server",
  "GET /.well-known/oauth-authorization-server/projects/:name/mcp",
  "GET /oauth/authorize",
  "POST /oauth/register",
  "POST /oauth/token",
  "POST /oauth/revoke",
  "POST /api/v1/auth/login",
  "POST /api/v1/auth/page",
];
/** Routes that answer so for a server without a public URL, and without parameters. */
const notFound = ["GET /assets/:name", "GET /mcp/oauth/callback", "GET /mcp/oauth/client.json"];
const openToUsers = [
  "POST /api/v1/auth/logout",
  "GET /api/v1/auth/whoami",
  "POST /api/v1/auth/can-i",
  "GET /api/v1/auth/rights",
  "POST /api/v1/auth/passwd",
  "GET /openapi.json",
  "GET /api/v1/kinds",
  "GET /api/v1/prices",
  "GET /api/v1/usage",
  "GET /api/v1/workstations",
  "GET /api/v1/limits",
  "GET /api/v1/cache",
  "DELETE /api/v1/cache",
  "GET /api/v1/version",
  "POST /api/v1/oauth/request",
  "POST /api/v1/oauth/answer",
  "GET /api/v1/_probe/stream",
  "POST /api/v1/_probe/upload",
];

function title({ method, path }: Route): string {
  return `${method} ${path}`;
}

function ask(call: Client, { method, path }: Pick<Route, "path"> & { method: string }) {
  return call(method, path.replace(/:\w+/g, "some"), method === "POST" || method === "PUT" ? {} : undefined);
}

it("every route declares the right that it needs", () => {
  const declaring = (access: unknown) => routes.filter((route) => route.access === access).map(title);
  expect(declaring("public").sort()).toEqual(openToAll.sort());
  expect(declaring("authenticated").sort()).toEqual(openToUsers.sort());
  for (const { access, ...route } of routes) {
    if (typeof access === "string") continue;
    const known = "action" in access ? access.action : access.verb && access.resource;
    expect(known, title({ access, ...route })).toMatch(/^[a-z-]+$/);
  }
  expect(new Set(routes.map(title)).size).toBe(routes.length);
});

/** The header of a 401. That of MCP names the metadata of the resource. */
function challengeOf({ challenge }: Route): unknown {
  return challenge ? expect.stringMatching(/^Bearer resource_metadata="http/) : "Bearer";
}

it("every route except health and login checks the bearer first", async () => {
  const server = await testServer();
  for (const route of routes) {
    const { status, headers } = await ask(server.as(), route);
    expect(headers.get("x-request-id"), title(route)).toMatch(/^req_[0-9a-z]+$/);
    if (openToAll.includes(title(route))) {
      const read = notFound.includes(title(route)) ? 404 : 200;
      expect(status, title(route)).toBe(route.method === "GET" ? read : 400);
    } else {
      expect([status, headers.get("www-authenticate")], title(route)).toEqual([401, challengeOf(route)]);
    }
  }
});

it("a user without grants can use only the routes about the user itself", async () => {
  const server = await testServer();
  const { call } = await server.user("alice");
  const last = "POST /api/v1/auth/logout";
  for (const route of routes.toSorted((a, b) => Number(title(a) === last) - Number(title(b) === last))) {
    const { status, text } = await ask(call, route);
    if (openToAll.includes(title(route))) continue;
    // Everybody may view the templates and proxy models that come with the server.
    if (/^GET \/api\/v1\/(templates|proxymodels)$/.test(title(route))) {
      expect(JSON.parse(text).filter((one: { builtIn: boolean }) => !one.builtIn)).toEqual([]);
      continue;
    }
    // Everybody may see the tokens and grants that are their own.
    if (/^GET \/api\/v1\/(tokens|grants)$/.test(title(route))) {
      expect(text).toBe("[]");
      continue;
    }
    const wanted = openToUsers.includes(title(route)) ? [200, 204, 400, 410] : [403];
    expect(wanted, `${title(route)} answered ${status} ${text}`).toContain(status);
  }
});

/** True if some route takes a method and path, also with a part of the path as a parameter. */
function isRouted(method: string, path: string): boolean {
  return routes.some(
    (route) =>
      route.method === method &&
      new RegExp(`^${route.path.replace(/:\w+/g, "[^/]+").replace(/\*$/, ".+")}$`).test(path),
  );
}

it("a body is not read before the right to the route is checked", async () => {
  const server = await testServer();
  const { call } = await server.user("alice");
  for (const route of routes.filter(({ method }) => method === "POST" || method === "PUT")) {
    if (typeof route.access === "string") continue;
    const { status } = await call(route.method, route.path.replace(/:\w+/g, "some"), "not JSON at all");
    expect(status, title(route)).toBe(403);
  }
});

it("the router has these routes and nothing else (T45)", async () => {
  const server = await testServer();
  const { call } = await server.token("root", [{ role: "edit", resource: "*" }]);
  const nothing = "there is nothing at this path";
  for (const path of new Set(routes.map((route) => route.path))) {
    for (const method of ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND"]) {
      const { status, body, headers } = await ask(call, { method, path: path.replace("*", "more") });
      // Calls of models tell the methods that their paths take. Their errors have the shape that SDKs read.
      const isCall = /^\/v\d/.test(path);
      const found = isCall ? status !== 405 : body?.error !== nothing;
      expect(found, `${method} ${path}`).toBe(isRouted(method, path.replace("*", "more")));
      if (!found) expect(status).toBe(isCall ? 405 : 404);
      expect(headers.get("x-request-id")).not.toBeNull();
    }
  }
  for (const path of ["/api", "/api/v1", "/api/v2/llms", "/swagger", "/favicon.ico", "/api/v1/nothing"]) {
    expect((await call("GET", path)).body.error, path).toBe(nothing);
  }
});

it("HEAD returns the headers of GET without a body", async () => {
  const server = await testServer();
  await must(server.admin("POST", "/api/v1/llms?probe=false", { name: "some", type: "openai", model: "m" }));
  const { call } = await server.token("reader", [{ role: "view", resource: "llms" }]);
  const forbidden = await server.token("other", [{ role: "run", resource: "llms" }]);
  for (const route of routes) {
    for (const client of [call, forbidden.call, server.as()]) {
      const head = await ask(client, { ...route, method: "HEAD" });
      const missing = /^\/v\d/.test(route.path) ? 405 : 404;
      const wanted = route.method === "GET" ? (await ask(client, route)).status : missing;
      if (route.method === "GET" || !isRouted("GET", route.path))
        expect(head.status, title(route)).toBe(wanted);
      expect(head.text).toBe("");
    }
  }
  // A stream has no end to wait for.
  const watch = await call("HEAD", "/api/v1/llms?watch=1");
  expect([watch.status, watch.headers.get("content-type")]).toEqual([200, "text/event-stream"]);
});

it("each kind has its routes, each with its verb on that kind", () => {
  const verbs = { GET: "view", POST: "create", PUT: "update", DELETE: "delete" };
  for (const { plural, partOf, proposes, callerFields } of kinds) {
    const asCaller = { or: [{ verb: "run", resource: plural }] };
    const own = routes.filter(
      ({ path }) => path.startsWith(`/api/v1/${plural}`) && /^\/api\/v1\/\w+(\/:idOrName)?$/.test(path),
    );
    expect(own.map(title)).toEqual([
      `GET /api/v1/${plural}`,
      `POST /api/v1/${plural}`,
      `GET /api/v1/${plural}/:idOrName`,
      `PUT /api/v1/${plural}/:idOrName`,
      `DELETE /api/v1/${plural}/:idOrName`,
    ]);
    // A part of another row has the rights of that row, and every write of it changes that row.
    const whole = partOf === undefined ? undefined : kindOf(partOf).plural;
    for (const { method, access } of own)
      expect(access).toEqual(
        whole === undefined
          ? {
              verb: verbs[method],
              resource: plural,
              ...(proposes && { or: expect.any(Array) }),
              ...(callerFields && method === "GET" && asCaller),
            }
          : { verb: method === "GET" ? "view" : "update", resource: whole },
      );
  }
});

it("/metrics needs view on metrics, unless metrics are public", async () => {
  const closed = await testServer();
  const reader = await closed.token("prometheus", [{ role: "view", resource: "metrics" }]);
  const { status, headers, text } = await reader.call("GET", "/metrics");
  expect([status, headers.get("content-type")]).toEqual([200, "text/plain; version=0.0.4; charset=utf-8"]);
  expect(text).toContain("mcpctl_http_requests_total{");
  expect((await reader.call("GET", "/api/v1/llms")).status).toBe(403);
  const open = await testServer({ metricsPublic: true });
  expect((await open.as()("GET", "/metrics")).status).toBe(200);
});

it("/readyz returns 503 while the database does not answer, and /healthz returns 200", async () => {
  const store = await openStore({ path: join(temporaryFolder(), "mcpctl.db"), now: Date.now });
  let gone = false;
  const ping = () => (gone ? Promise.reject(new StoreError("unavailable")) : store.ping());
  const { as } = await testServer({ store: { ...store, ping }, tick: 20 });
  const readyz = async () => {
    const { status, text } = await as()("GET", "/readyz");
    return [status, text];
  };
  expect(await readyz()).toEqual([200, "ok\n"]);
  gone = true;
  await expect.poll(readyz).toEqual([503, "the database does not answer\n"]);
  expect((await as()("GET", "/healthz")).status).toBe(200);
  gone = false;
  await expect.poll(readyz).toEqual([200, "ok\n"]);
});

it("/readyz answers at once while a ping of the database hangs (failure mode 96)", async () => {
  const store = await openStore({ path: join(temporaryFolder(), "mcpctl.db"), now: Date.now });
  let elapsed = 0;
  const pinged = Promise.withResolvers<void>();
  const ping = () => {
    pinged.resolve();
    return new Promise<void>(() => {});
  };
  const { as } = await testServer({ store: { ...store, ping }, elapsed: () => elapsed, tick: 20 });
  await pinged.promise;
  expect((await as()("GET", "/readyz")).status).toBe(200);
  elapsed = 7_400;
  const { status, text } = await as()("GET", "/readyz");
  expect([status, text]).toEqual([503, "the database has not answered for 7 s\n"]);
});
