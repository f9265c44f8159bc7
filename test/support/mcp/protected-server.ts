import { createHash, randomUUID } from "node:crypto";
import { onTestFinished } from "vitest";

type Json = Record<string, unknown>;

/** A request to a scripted authorization server. */
export interface OAuthRequest {
  path: string;
  /** The parameters of the query or of the form; the fields of a JSON body. */
  params: Record<string, string>;
  authorization: string | null;
}

/** A scripted authorization server that lets everybody in at once. */
export interface ScriptedIssuer {
  issuer: string;
  /** All requests, in order. */
  seen: OAuthRequest[];
  /** The requests to a path. */
  of(path: string): OAuthRequest[];
  /** The access tokens that are good now, with their scopes. */
  good: Map<string, string[]>;
  /** The refresh tokens that were not used yet. */
  refreshTokens: Set<string>;
  /** Seconds that an access token lives. */
  life: number | undefined;
  /** True for a server that gives refresh tokens. */
  givesRefresh: boolean;
  /** Fields that replace those of the metadata; undefined removes one. */
  metadata: Json;
  /** The parameters of the redirect; changed before it is sent. */
  onRedirect: (params: URLSearchParams) => void;
  /** Answers instead of the token endpoint, if it returns a response. */
  onToken: (request: OAuthRequest) => Response | Promise<Response> | undefined;
  /** Answers instead of everything, if it returns a response. */
  answer: (request: Request) => Response | Promise<Response> | undefined;
  /** Opens the page of a login, as a browser of somebody who agrees. Returns the address that it is sent back to. */
  agree(page: string): Promise<URL>;
}

/** Starts an authorization server on a free port. It ends with the test. */
export function scriptedIssuer(): ScriptedIssuer {
  const codes = new Map<string, { challenge: string; redirect: string; client: string; scope: string }>();
  const issue = (scope: string) => {
    const token = `at-${randomUUID()}`;
    const refresh = `rt-${randomUUID()}`;
    scripted.good.set(token, scope.split(" "));
    if (scripted.givesRefresh) scripted.refreshTokens.add(refresh);
    return Response.json({
      access_token: token,
      token_type: "Bearer",
      ...(scripted.life !== undefined && { expires_in: scripted.life }),
      ...(scripted.givesRefresh && { refresh_token: refresh }),
      ...(scope !== "" && { scope }),
    });
  };
  const refused = (error: string, status = 400) => Response.json({ error }, { status });
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    async fetch(request) {
      const other = await scripted.answer(request);
      if (other) return other;
      const { pathname, searchParams } = new URL(request.url);
      const type = request.headers.get("content-type") ?? "";
      const body = request.method === "POST" ? await request.text() : "";
      const params = type.startsWith("application/json")
        ? (JSON.parse(body) as Record<string, string>)
        : Object.fromEntries(body === "" ? searchParams : new URLSearchParams(body));
      const seen = { path: pathname, params, authorization: request.headers.get("authorization") };
      scripted.seen.push(seen);
      if (pathname === "/.well-known/oauth-authorization-server") {
        const { issuer } = scripted;
        return Response.json({
          issuer,
          authorization_endpoint: `${issuer}/authorize`,
          token_endpoint: `${issuer}/token`,
          registration_endpoint: `${issuer}/register`,
          revocation_endpoint: `${issuer}/revoke`,
          response_types_supported: ["code"],
          code_challenge_methods_supported: ["S256"],
          token_endpoint_auth_methods_supported: ["none", "client_secret_basic", "client_secret_post"],
          authorization_response_iss_parameter_supported: true,
          ...scripted.metadata,
        });
      }
      if (pathname === "/register")
        return Response.json({ ...params, client_id: `client-${randomUUID()}` }, { status: 201 });
      if (pathname === "/revoke") {
        scripted.refreshTokens.delete(params["token"]!);
        return new Response(null, { status: 200 });
      }
      if (pathname === "/authorize") {
        const {
          code_challenge,
          redirect_uri,
          client_id,
          scope = "",
          state,
        } = params as Record<string, string>;
        const code = randomUUID();
        codes.set(code, {
          challenge: code_challenge!,
          redirect: redirect_uri!,
          client: client_id!,
          scope,
        });
        const back = new URL(redirect_uri!);
        for (const [name, value] of [
          ["code", code],
          ["state", state],
          ["iss", scripted.issuer],
        ] as const)
          back.searchParams.set(name, value ?? "");
        scripted.onRedirect(back.searchParams);
        return Response.redirect(back.href, 302);
      }
      if (pathname !== "/token") return new Response("not found", { status: 404 });
      const own = await scripted.onToken(seen);
      if (own) return own;
      const { grant_type, code = "", code_verifier = "", refresh_token = "", scope = "" } = params;
      if (grant_type === "client_credentials") return issue(scope);
      if (grant_type === "refresh_token") {
        // Each refresh token is good once.
        if (!scripted.refreshTokens.delete(refresh_token)) return refused("invalid_grant");
        return issue("read");
      }
      const known = codes.get(code);
      codes.delete(code);
      const hash = createHash("sha256").update(code_verifier).digest("base64url");
      if (!known || known.challenge !== hash || known.redirect !== params["redirect_uri"])
        return refused("invalid_grant");
      return issue(known.scope);
    },
  });
  onTestFinished(() => server.stop(true));
  const scripted: ScriptedIssuer = {
    issuer: `http://127.0.0.1:${server.port}`,
    seen: [],
    of: (path) => scripted.seen.filter((one) => one.path === path),
    good: new Map(),
    refreshTokens: new Set(),
    life: 3600,
    givesRefresh: true,
    metadata: {},
    onRedirect: () => undefined,
    onToken: () => undefined,
    answer: () => undefined,
    async agree(page) {
      const response = await fetch(page, { redirect: "manual" });
      return new URL(response.headers.get("location")!);
    },
  };
  return scripted;
}

/** A scripted MCP server that wants a token of an authorization server. */
export interface ProtectedServer {
  url: string;
  /** The bearer of each request, with its method: `tools/list at-…`. */
  seen: string[];
  /** Its authorization server. */
  issuer: ScriptedIssuer;
  /** Fields that replace those of its metadata; undefined removes one. */
  metadata: Json;
  /** The scope that a method needs; `read` for all others. */
  needs: Record<string, string>;
  /** Answers instead of everything, if it returns a response. */
  answer: (request: Request) => Response | Promise<Response> | undefined;
}

/** Starts such a server, of the legacy era, on a free port. It ends with the test. */
export function protectedServer(issuer: ScriptedIssuer = scriptedIssuer()): ProtectedServer {
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    async fetch(request) {
      const other = await scripted.answer(request);
      if (other) return other;
      const { pathname, origin } = new URL(request.url);
      const metadataUrl = `${origin}/.well-known/oauth-protected-resource/mcp`;
      if (pathname === "/.well-known/oauth-protected-resource/mcp")
        return Response.json({
          resource: `${origin}/mcp`,
          authorization_servers: [scripted.issuer.issuer],
          scopes_supported: ["read"],
          ...scripted.metadata,
        });
      if (pathname !== "/mcp") return new Response("not found", { status: 404 });
      if (request.method !== "POST") return new Response(null, { status: 405 });
      const {
        id,
        method,
        params = {},
      } = (await request.json()) as { id?: number; method: string; params?: Json };
      const token = /^Bearer (.*)$/.exec(request.headers.get("authorization") ?? "")?.[1];
      scripted.seen.push(`${method} ${token ?? "-"}`);
      const scopes = scripted.issuer.good.get(token ?? "");
      const refuse = (status: number, challenge: string) =>
        Response.json(
          { error: "no" },
          {
            status,
            headers: { "www-authenticate": `Bearer resource_metadata="${metadataUrl}", ${challenge}` },
          },
        );
      if (!scopes) return refuse(401, 'scope="read"');
      const need = scripted.needs[String(params["name"] ?? method)];
      if (need !== undefined && !scopes.includes(need))
        return refuse(403, `error="insufficient_scope", scope="${need}"`);
      if (id === undefined) return new Response(null, { status: 202 });
      const result = (value: Json) => Response.json({ jsonrpc: "2.0", id, result: value });
      if (method === "server/discover")
        return Response.json({ jsonrpc: "2.0", id, error: { code: -32601, message: "no" } }, { status: 404 });
      if (method === "initialize")
        return result({
          protocolVersion: "2025-11-25",
          capabilities: { tools: {} },
          serverInfo: { name: "protected", version: "1" },
        });
      if (method === "tools/list")
        return result({
          tools: ["look", "change"].map((name) => ({ name, inputSchema: { type: "object" } })),
        });
      return result({ content: [{ type: "text", text: `${String(params["name"])} done` }] });
    },
  });
  onTestFinished(() => server.stop(true));
  const scripted: ProtectedServer = {
    url: `http://127.0.0.1:${server.port}/mcp`,
    seen: [],
    issuer,
    metadata: {},
    needs: {},
    answer: () => undefined,
  };
  return scripted;
}
