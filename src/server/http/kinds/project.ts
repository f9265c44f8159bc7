import { Type } from "@sinclair/typebox";
import { nullable, oneOf } from "../../../kinds/define.ts";
import { project } from "../../../kinds/project.ts";
import { reportTools } from "../../mcp/offers/tool-report.ts";
import type { Route } from "../route.ts";
import type { KindRoutes } from "./define.ts";

const Tools = Type.Array(
  Type.Object({
    name: Type.String(),
    server: nullable(Type.String()),
    original: Type.String(),
    tokens: Type.Integer(),
    offered: Type.Boolean(),
    reason: nullable(oneOf(["denied", "changed", "failed", "collision"])),
  }),
);

/** Adds the tools of a project's MCP servers. */
export const projectRoutes: KindRoutes = {
  routes: (server): Route[] => [
    {
      method: "GET",
      path: `/api/v1/${project.plural}/:idOrName/tools`,
      access: { verb: "view", resource: project.plural },
      summary: "List the tools of a project's MCP servers, with the reasons why some are not offered",
      response: Tools,
      handle: ({ principal, params }) => {
        const row = server.resources.find(principal, "view", project, params["idOrName"]!);
        return Response.json(reportTools(server.catalogue.snapshot, row, principal));
      },
    },
  ],
};
