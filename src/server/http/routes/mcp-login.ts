import { type Static, Type } from "@sinclair/typebox";
import { AppError } from "../../../errors.ts";
import { mcpServer } from "../../../kinds/mcp-server.ts";
import { decide, isVisible, type Principal, personalIds } from "../../core/access/policy.ts";
import { isSharedAuthorization } from "../../core/catalogue/mcp-authorizations.ts";
import { hasUserKeys, userKeysOf } from "../../core/catalogue/user-keys.ts";
import type { Snapshot } from "../../core/store/snapshot.ts";
import type { McpServerRow } from "../../core/store/typed-rows.ts";
import type { Row } from "../../core/store/types.ts";
import {
  callbackPath,
  callbackUrl,
  clientDocument,
  clientDocumentPath,
  isLoopbackRedirect,
} from "../../mcp/authorization/client-document.ts";
import { readBody } from "../body.ts";
import type { Call, Route } from "../route.ts";
import type { Server } from "../server.ts";

const path = `/api/v1/${mcpServer.plural}/:idOrName/authorization`;

/** For those who see servers, or use them through a project. The handlers ask for more, those that change something. */
const access = {
  verb: "view",
  resource: mcpServer.plural,
  or: [{ verb: "run", resource: "projects" }],
} as const;

const Start = Type.Object(
  {
    redirectUri: Type.Optional(
      Type.String({
        maxLength: 200,
        description:
          "An address of the caller's machine, http://127.0.0.1:PORT/callback; left out, one of this server",
      }),
    ),
  },
  { additionalProperties: false },
);
const Keys = Type.Object(
  {
    keys: Type.Record(Type.String(), Type.String({ minLength: 1, maxLength: 32_768 }), {
      minProperties: 1,
      maxProperties: 250,
      additionalProperties: false,
      description: "The values by the names of the keys that the server wants",
    }),
  },
  { additionalProperties: false },
);
const text = (maxLength: number) => Type.Optional(Type.String({ maxLength }));
const Answer = Type.Object(
  { code: text(8192), state: Type.String({ maxLength: 200 }), iss: text(2000), error: text(500) },
  { additionalProperties: false },
);
const Started = Type.Union([
  Type.Object({
    url: Type.String(),
    state: Type.String(),
    until: Type.String(),
    issuer: Type.String(),
    scopes: Type.Array(Type.String()),
  }),
  Type.Object({ keys: Type.Array(Type.String()) }),
  Type.Null(),
]);

/** The login at the authorization servers of MCP servers elsewhere. */
export function mcpLoginRoutes(server: Server): Route[] {
  return [
    {
      method: "GET",
      path,
      access,
      summary:
        "Return an MCP server with the access that the caller's calls have to it; to those who only call it through a project " +
        "nothing else of it",
      handle: (call) => Response.json(shown(server, call.principal, seenBy(server, call))),
    },
    {
      method: "POST",
      path,
      access,
      summary:
        "Begin a login at the authorization server of an MCP server, and return the page to open; null if none is needed. " +
        "A server that wants keys of its users returns their names instead",
      body: Start,
      response: Started,
      handle: async (call) => start(server, call, await readBody(call, server.deadlines, Start)),
    },
    {
      method: "POST",
      path: `${path}/answer`,
      access,
      summary:
        "End a login with the parameters with which the browser was sent back. Returns the server, and to those who do not " +
        "see it only their access",
      body: Answer,
      handle: async (call) => {
        const { row } = loginOf(server, call);
        const answer = await readBody(call, server.deadlines, Answer);
        await server.mcp.logins.finish(answer, row, call);
        return Response.json(shown(server, call.principal, row));
      },
    },
    {
      method: "PUT",
      path,
      access,
      summary:
        "Give the caller's own keys for an MCP server, in the place of those given before. Returns what the end of a login " +
        "returns",
      body: Keys,
      handle: async (call) => {
        const { keys } = await readBody(call, server.deadlines, Keys);
        const { row, userId } = loginOf(server, call);
        await server.mcp.logins.keys.give(row, userId, keys, call);
        return Response.json(shown(server, call.principal, row));
      },
    },
    {
      method: "DELETE",
      path,
      access,
      status: 204,
      summary:
        "Forget the access that was given at the authorization server of an MCP server, and take it back there; or the " +
        "caller's own keys for it",
      handle: async (call) => {
        const { row, userId } = loginOf(server, call);
        if (await server.mcp.logins.forget(row, userId, call)) return new Response(null, { status: 204 });
        throw new AppError("not_found", `nobody has given access to server "${row.name}"`);
      },
    },
    {
      method: "GET",
      path: callbackPath,
      access: "public",
      summary: "Take the answer of an authorization server, which sends a browser here",
      query: {
        code: "the code that is exchanged for tokens",
        state: "the login that it belongs to",
        iss: "the authorization server",
        error: "the reason why there is no code",
      },
      handle: (call) => callback(server, call),
    },
    {
      method: "GET",
      path: clientDocumentPath,
      access: "public",
      summary: "Describe this server to authorization servers, as a client of theirs",
      handle: () => {
        const document = clientDocument(server.publicUrls);
        if (document) return Response.json(document, { headers: { "cache-control": "max-age=3600" } });
        throw new AppError("not_found", "this server has no URL of the internet", {
          hint: "start it with --public-url and an https URL",
        });
      },
    },
  ];
}

async function start(server: Server, call: Call, { redirectUri }: Static<typeof Start>): Promise<Response> {
  const { row, userId } = loginOf(server, call);
  const keys = [...userKeysOf(row.spec).keys()];
  if (keys.length > 0) return Response.json({ keys });
  // A code must reach nobody else than the person who logs in (T199).
  if (redirectUri !== undefined && !isLoopbackRedirect(redirectUri))
    throw new AppError("invalid_request", "redirectUri must be http://127.0.0.1:PORT/callback");
  const target = redirectUri ?? callbackUrl(server.publicUrls);
  if (target === undefined)
    throw new AppError("conflict", "this server has no https URL to which a browser can be sent back", {
      hint: "log in with mcpctl authorize server NAME, or start the server with --public-url and an https URL",
    });
  const started = await server.mcp.logins.start(row, userId, call, target);
  return Response.json(started ?? null, { headers: { "cache-control": "no-store" } });
}

/** Returns the MCP server of a request, if the caller sees it or calls it with an access of their own. */
function seenBy({ catalogue, resources }: Server, { principal, params }: Call): McpServerRow {
  const name = params["idOrName"]!;
  const row = catalogue.snapshot.named("server", name);
  const isCalled = row && !isSharedAuthorization(row) && mayCall(catalogue.snapshot, principal, name);
  return isCalled ? row : resources.find(principal, "view", mcpServer, name);
}

/** Returns the MCP server of a request, and the user for whose calls the caller may log in: "" for those of everybody. */
function loginOf(server: Server, { principal, params }: Call): { row: McpServerRow; userId: string } {
  const { catalogue, resources } = server;
  const name = params["idOrName"]!;
  const { snapshot } = catalogue;
  const row = snapshot.named("server", name);
  const isOfEach = row !== undefined && !isSharedAuthorization(row);
  // A hidden server is refused as one that does not exist is, which says nothing about its sharing (T118).
  const isShared = !isOfEach || !isVisible(principal, mcpServer.plural, row);
  // A token that may only see servers must not put the access of somebody else in the place of its user's (T201).
  const verb = isShared || principal.kind === "Token" ? "update" : "view";
  const found =
    isOfEach && mayCall(snapshot, principal, name) ? row : resources.find(principal, verb, mcpServer, name);
  const own = { row: found, userId: isSharedAuthorization(found) ? "" : personalIds(principal).userId };
  if (hasUserKeys(found.spec)) return own;
  const { url, headers = [] } = found.spec;
  if (url === undefined)
    throw new AppError("invalid_request", `server "${found.name}" has no url, and so no login`);
  if (headers.some((header) => header.name.toLowerCase() === "authorization"))
    throw new AppError("conflict", `server "${found.name}" has a header Authorization of its own`, {
      hint: "remove it to use a login instead",
    });
  return own;
}

/** True for a user who calls an MCP server through a project. A token is bound to what it was made for. */
function mayCall(snapshot: Snapshot, principal: Principal, name: string): boolean {
  if (principal.kind !== "User") return false;
  return snapshot.table("serverattachment").sorted.some((attachment) => {
    const project = snapshot.named("project", attachment.scope);
    return (
      attachment.name === name &&
      project !== undefined &&
      decide(principal, "run", "projects", project.name, project as Row) === "allow"
    );
  });
}

/** Returns a server as it is now. Who only calls it through a project gets no more of it than their access (T138). */
function shown({ catalogue, resources }: Server, principal: Principal, { id }: McpServerRow): unknown {
  const row = catalogue.snapshot.byId.get(id) as Row;
  const object = resources.present(principal, mcpServer, row);
  if (decide(principal, "view", mcpServer.plural, row.name, row) === "allow") return object;
  const { name, version, createdAt, updatedAt, authorization } = object;
  return { id, name, version, createdAt, updatedAt, authorization };
}

/** Ends a login whose answer a browser brings. The page repeats nothing of the answer. */
async function callback(server: Server, { query }: Call): Promise<Response> {
  const parameter = (name: string, longest: number) => {
    const value = query.get(name);
    return value === null || value.length > longest ? undefined : value;
  };
  try {
    await server.mcp.logins.finish({
      code: parameter("code", 8192),
      state: parameter("state", 200),
      iss: parameter("iss", 2000),
      error: parameter("error", 500),
    });
    return page(200, "mcpctl has got access. You can close this page.");
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return page(error.status, "mcpctl has got no access. mcpctl describe server NAME says why.");
  }
}

function page(status: number, sentence: string): Response {
  return new Response(
    `<!doctype html><html lang="en"><meta charset="utf-8"><title>mcpctl</title><p>${sentence}</p></html>\n`,
    {
      status,
      headers: {
        "content-type": "text/html; charset=utf-8",
        "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
        "referrer-policy": "no-referrer",
        "cache-control": "no-store",
      },
    },
  );
}
