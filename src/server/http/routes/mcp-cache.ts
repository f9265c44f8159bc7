import { Type } from "@sinclair/typebox";
import { AppError } from "../../../errors.ts";
import { nullable } from "../../../kinds/define.ts";
import { project as projectKind } from "../../../kinds/project.ts";
import { decide, idOfPersonal, isVisible, personalIds } from "../../core/access/policy.ts";
import { eventBy } from "../../core/caller.ts";
import { usesProject } from "../../core/catalogue/prompt-links.ts";
import type { Row } from "../../core/store/types.ts";
import type { CacheFilter } from "../../mcp/content/result-cache.ts";
import type { Call, Route } from "../route.ts";
import type { Server } from "../server.ts";

const path = "/api/v1/cache";

const CachedResults = Type.Array(
  Type.Object({
    project: Type.String(),
    user: nullable(Type.String()),
    token: nullable(Type.String()),
    server: nullable(Type.String({ description: "The MCP server; null if it is hidden from the reader" })),
    subject: Type.String({ description: "The tool, prompt or resource" }),
    parts: Type.Integer({ description: "Pages or sections" }),
    bytes: Type.Integer({ description: "Memory that it takes" }),
    expiresAt: Type.String({ description: "RFC 3339" }),
    node: Type.String({ description: "The server of mcpctl that keeps it" }),
  }),
);

const query = { project: "Only results of this project" };

/** Long results of MCP servers that are kept until their clients have read them. Their ids and texts are never told. */
export function mcpCacheRoutes(server: Server): Route[] {
  return [
    {
      method: "GET",
      path,
      access: "authenticated",
      summary:
        "List the long results of MCP servers that are kept for their clients: the caller's own, and those of projects " +
        "that the caller may edit",
      query,
      response: CachedResults,
      handle: async (call) => Response.json(await listed(server, call)),
    },
    {
      method: "DELETE",
      path,
      access: "authenticated",
      summary:
        "Remove the long results that are kept: the caller's own, and those of projects that the caller may edit, with " +
        "the titles of their pages",
      query,
      response: Type.Object({ removed: Type.Integer({ description: "The number of results" }) }),
      handle: async (call) => {
        const { filter, project } = filterOf(server, call);
        const removed = await server.mcp.cache.clear(filter);
        const detail = { removed, ...(project && { project: project.name }) };
        await server.audit.record(
          eventBy(call, { at: server.now(), action: "cache_clear", status: 200, detail }),
        );
        return Response.json({ removed });
      },
    },
  ];
}

/** Returns what the caller may see. With a project that it may not edit, those are its own results there. */
function filterOf({ catalogue: { snapshot } }: Server, { principal, query }: Call) {
  const name = query.get("project");
  const project = name === null ? undefined : snapshot.named("project", name);
  const mayEdit = (row: Row) => decide(principal, "update", projectKind.plural, row.name, row) === "allow";
  if (name !== null && !usesProject(principal, name, project))
    throw new AppError("not_found", `project "${name}" not found`);
  const projects = project ? [project] : snapshot.table("project").sorted;
  const filter: CacheFilter = {
    principalId: personalIds(principal).id,
    projectIds: projects.filter(mayEdit).map(({ id }) => id),
    ...(project && { onlyProject: project.id }),
  };
  return { filter, project };
}

async function listed(server: Server, call: Call) {
  const { catalogue, mcp, now } = server;
  const { byId } = catalogue.snapshot;
  const { filter } = filterOf(server, call);
  const nameOf = (id: string) => byId.get(id)?.name ?? null;
  return (await mcp.cache.list(filter)).flatMap((one) => {
    const project = nameOf(one.projectId);
    if (project === null) return [];
    const row = byId.get(one.serverId);
    return [
      {
        project,
        user: nameOf(one.userId),
        token: idOfPersonal(one.principalId) === one.userId ? null : nameOf(idOfPersonal(one.principalId)),
        server: row && isVisible(call.principal, "servers", row) ? row.name : null,
        subject: one.subject,
        parts: one.parts,
        bytes: one.bytes,
        expiresAt: new Date(now() + one.left).toISOString(),
        node: one.node,
      },
    ];
  });
}
