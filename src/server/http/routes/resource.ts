import { Type } from "@sinclair/typebox";
import { withArticle } from "../../../kinds/article.ts";
import type { Kind, WriteOperation } from "../../../kinds/define.ts";
import { kinds } from "../../../kinds/index.ts";
import { scopeIn } from "../../../kinds/scopes.ts";
import { allowsWrite, writeRefusal } from "../../../kinds/writes.ts";
import { rightFor } from "../../core/access/parts.ts";
import { oncePerObject } from "../../core/once-per-object.ts";
import { rowsNamed } from "../../core/store/rows-named.ts";
import type { Row } from "../../core/store/types.ts";
import { readObject } from "../body.ts";
import { kindRoutes } from "../kinds/index.ts";
import { listPieces, longResponse } from "../long-response.ts";
import { flagIn, wholeNumberIn } from "../query.ts";
import type { Call, Route } from "../route.ts";
import type { Server } from "../server.ts";
import { watch } from "../watch.ts";

/** Returns the routes of every kind: those made from its descriptor, and its own. */
export function resourceRoutes(server: Server): Route[] {
  return kinds.flatMap((kind) => [
    ...routesOf(server, kind).map((route) => unlessRefused(kind, route)),
    ...(kindRoutes[kind.kind]?.routes?.(server) ?? []),
  ]);
}

const dryRunQuery = { dryRun: "true: check all that the write checks, return the object, and write nothing" };
const dryDeleteQuery = { dryRun: "true: check all that the delete checks, and delete nothing" };

const operations: Partial<Record<Route["method"], WriteOperation>> = {
  POST: "create",
  PUT: "update",
  DELETE: "delete",
};

/** Returns a route, or one that refuses its method with 405 where the kind does not allow that write. */
function unlessRefused(kind: Kind, route: Route): Route {
  const operation = operations[route.method];
  if (!operation || allowsWrite(kind, operation)) return route;
  const writes: readonly Route["method"][] = route.method === "POST" ? ["POST"] : ["PUT", "DELETE"];
  const allowed = writes.filter((method) => allowsWrite(kind, operations[method]!));
  return {
    ...route,
    allow: ["GET", "HEAD", ...allowed].join(", "),
    handle() {
      throw writeRefusal(kind, operation);
    },
  };
}

function routesOf(server: Server, kind: Kind): Route[] {
  const { resources, deadlines } = server;
  const extras = kindRoutes[kind.kind] ?? {};
  const schemas = schemasOf(kind);
  const base = `/api/v1/${kind.plural}`;
  const named = withArticle(kind.kind);
  const one = `${base}/:idOrName`;
  const scope = (call: Call) => scopeIn(kind, call.query);
  const body = (call: Call) => readObject(call, deadlines);
  const scoped = Object.fromEntries(
    [kind.scopedBy, kind.orScopedBy]
      .filter((field) => field !== undefined)
      .map((field) => [field, "Scope of the name"]),
  );
  return [
    {
      method: "GET",
      path: base,
      access: rightFor(kind, "view"),
      summary: `List ${kind.plural}`,
      query: {
        name: "Only objects of this name",
        limit: "The most objects to return",
        cursor: "Continue after a page: the value of its header x-mcpctl-cursor",
        watch: "1: stream changes as server-sent events",
        since: "With watch: only changes after this revision, from the header x-mcpctl-revision",
      },
      response: schemas.list,
      handle: (call) =>
        call.query.get("watch") === "1" ? watch(server, kind, call) : list(server, kind, call),
    },
    {
      method: "POST",
      path: base,
      access: rightFor(kind, "create"),
      summary: `Create ${named}`,
      status: 201,
      query: { ...dryRunQuery, ...extras.createQuery },
      body: schemas.input,
      response: schemas.object,
      handle: async (call) => {
        const dryRun = flagIn(call.query, "dryRun");
        const owner = extras.ownerOf?.(server, call);
        const created = await resources.create(call, kind, await body(call), { dryRun, owner });
        if (dryRun) return Response.json(created);
        await extras.created?.(server, call, created);
        return Response.json(created, { status: 201 });
      },
    },
    {
      method: "GET",
      path: one,
      access: rightFor(kind, "view"),
      summary: `Read ${named}`,
      query: { ...scoped, ...extras.readQuery },
      response: schemas.object,
      handle: async (call) => {
        const row = resources.find(call.principal, "view", kind, call.params["idOrName"]!, scope(call));
        const object = resources.present(call.principal, kind, row);
        const more = await extras.read?.(server, call, row);
        return more
          ? Response.json({ ...object, ...more }, { headers: { "cache-control": "no-store" } })
          : Response.json(object);
      },
    },
    {
      method: "PUT",
      path: one,
      access: rightFor(kind, "update"),
      summary: `Change ${named}: only the given fields; null clears`,
      query: { ...scoped, ...dryRunQuery },
      body: schemas.change,
      response: schemas.object,
      handle: async (call) => {
        const { idOrName } = call.params;
        const dryRun = flagIn(call.query, "dryRun");
        const given = await body(call);
        const updated = await resources.update(call, kind, idOrName!, given, scope(call), { dryRun });
        if (dryRun) return Response.json(updated);
        await extras.updated?.(server, call, updated);
        return Response.json(updated);
      },
    },
    {
      method: "DELETE",
      path: one,
      access: rightFor(kind, "delete"),
      summary: `Delete ${named}`,
      status: 204,
      query: { ...scoped, ...dryDeleteQuery },
      handle: async (call) => {
        const dryRun = flagIn(call.query, "dryRun");
        await resources.remove(call, kind, call.params["idOrName"]!, scope(call), { dryRun });
        return new Response(null, { status: 204 });
      },
    },
  ];
}

async function list(server: Server, kind: Kind, call: Call): Promise<Response> {
  const { query, principal } = call;
  const name = query.get("name");
  const { snapshot } = server.catalogue;
  const all: readonly Row[] = snapshot.table(kind.kind).sorted;
  const rows = await server.resources.list(principal, kind, name === null ? all : rowsNamed(all, name));
  const limit = wholeNumberIn(query, "limit");
  const from = startOf(rows, query.get("cursor"));
  const page = from < 0 ? [] : rows.slice(from, limit === undefined ? undefined : from + limit);
  const headers: Record<string, string> = {
    "content-type": "application/json;charset=utf-8",
    "x-mcpctl-revision": String(snapshot.revision),
  };
  const last = page.at(-1);
  if (last && from + page.length < rows.length)
    headers["x-mcpctl-cursor"] = `${last.name}/${last.scope}/${last.id}`;
  return longResponse(
    listPieces(page, (row) => server.resources.present(principal, kind, row)),
    headers,
  );
}

/** Returns the index of the first row after a cursor, also if the row of the cursor is deleted; -1 if there is none. */
function startOf(rows: readonly Row[], cursor: string | null): number {
  if (cursor === null) return 0;
  const [name = "", scope = "", id = ""] = cursor.split("/");
  return rows.findIndex((row) => {
    if (row.name !== name) return row.name > name;
    return row.scope === scope ? row.id > id : row.scope > scope;
  });
}

/** Returns the schemas of a kind, for the API description. */
const schemasOf = oncePerObject((kind: Kind) => {
  const { properties } = kind.fields;
  const shown = Object.entries(properties).filter(([field]) => !kind.writeOnly.includes(field));
  const object = Type.Object({
    id: Type.String(),
    name: Type.String(),
    ...Object.fromEntries(shown),
    ...kind.readOnly.properties,
    version: Type.Integer(),
    createdAt: Type.String(),
    updatedAt: Type.String(),
  });
  const input = Type.Object({ name: Type.String(), ...properties }, { additionalProperties: false });
  return { object, list: Type.Array(object), input, change: Type.Partial(input) };
});
