import { type Static, Type } from "@sinclair/typebox";
import { AppError } from "../../../errors.ts";
import { mcpServer } from "../../../kinds/mcp-server.ts";
import { standing } from "../../core/access/standing.ts";
import { changeEvent } from "../../core/caller.ts";
import { approved, changesIn } from "../../core/catalogue/mcp-pins.ts";
import { StoreError } from "../../core/store/types.ts";
import { readBody } from "../body.ts";
import type { Call, Route } from "../route.ts";
import type { Server } from "../server.ts";
import type { KindRoutes } from "./define.ts";

const path = `/api/v1/${mcpServer.plural}/:idOrName`;
const Definition = Type.Record(Type.String(), Type.Unknown());
const Changes = Type.Array(
  Type.Object({ key: Type.String(), before: Definition, after: Definition, hash: Type.String() }),
);
const Approval = Type.Object(
  {
    changes: Type.Array(
      Type.Object({ key: Type.String(), hash: Type.String() }, { additionalProperties: false }),
      { maxItems: 5000 },
    ),
  },
  { additionalProperties: false },
);

/** Attempts of an approval while the server is written by others. */
const attempts = 5;

/** Adds the definitions of tools that an MCP server has changed by itself, and their approval. */
export const mcpServerRoutes: KindRoutes = {
  routes: (server): Route[] => [
    {
      method: "GET",
      path: `${path}/changes`,
      access: { verb: "view", resource: mcpServer.plural },
      summary: "List the definitions that an MCP server has changed since they were accepted",
      response: Changes,
      handle: ({ principal, params }) =>
        Response.json(
          changesIn(server.resources.find(principal, "view", mcpServer, params["idOrName"]!).status),
        ),
    },
    {
      method: "POST",
      path: `${path}/approve`,
      access: { verb: "update", resource: mcpServer.plural },
      summary: "Accept changed definitions of an MCP server: those with the given keys and hashes",
      body: Approval,
      handle: async (call) => approve(server, call, await readBody(call, server.deadlines, Approval)),
    },
  ],
};

/**
 * Accepts changes as the caller has seen them. One that has changed again since is refused, with all others.
 *
 * @throws AppError `conflict`
 */
async function approve(server: Server, call: Call, { changes }: Static<typeof Approval>): Promise<Response> {
  const { catalogue, resources } = server;
  for (let attempt = 1; ; attempt++) {
    const row = resources.find(call.principal, "update", mcpServer, call.params["idOrName"]!);
    const pending = changesIn(row.status);
    const stale = changes.find(
      ({ key, hash }) => !pending.some((one) => one.key === key && one.hash === hash),
    );
    if (stale)
      throw new AppError("conflict", `${stale.key} of server "${row.name}" is not as you have seen it`, {
        hint: `look again: mcpctl approve server ${row.name}`,
      });
    const keys = changes.map(({ key }) => key);
    const now = server.now();
    const status = approved(row.status, keys);
    const next = { ...row, status, version: row.version + 1, updatedAt: now };
    const event = changeEvent(call, "update", row, now, [], { approved: keys });
    try {
      if (keys.length > 0)
        await catalogue.commit([
          ...standing(call.principal),
          { op: "update", row: next, refs: catalogue.snapshot.refsOf(row.id) },
          { op: "audit", event },
        ]);
      return Response.json({ approved: keys });
    } catch (error) {
      if (!(error instanceof StoreError) || error.refusal !== "stale" || attempt === attempts) throw error;
      await catalogue.refresh();
    }
  }
}
