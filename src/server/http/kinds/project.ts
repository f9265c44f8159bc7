import { Type } from "@sinclair/typebox";
import { nullable, oneOf } from "../../../kinds/define.ts";
import { project } from "../../../kinds/project.ts";
import { opensProject } from "../../core/access/token-projects.ts";
import { notFound } from "../../core/catalogue/resources.ts";
import type { GateTask } from "../../mcp/gate/choose.ts";
import { reportTools } from "../../mcp/offers/tool-report.ts";
import { readBody } from "../body.ts";
import type { Route } from "../route.ts";
import type { KindRoutes } from "./define.ts";

const Tools = Type.Array(
  Type.Object({
    name: Type.String(),
    server: nullable(Type.String()),
    original: Type.String(),
    tokens: Type.Integer(),
    offered: Type.Boolean(),
    reason: nullable(oneOf(["denied", "changed", "failed", "invalid", "collision", "renamed"])),
  }),
);

const GateQuestion = Type.Object(
  {
    task: Type.Optional(Type.String({ maxLength: 4000, description: "What a model is about to do" })),
    tags: Type.Optional(
      Type.Array(Type.String({ maxLength: 100 }), { maxItems: 50, description: "Words for its subjects" }),
    ),
  },
  { additionalProperties: false },
);
const GateReport = Type.Object({
  gate: oneOf(["off", "session", "briefing"]),
  prompts: Type.Array(
    Type.Object({
      name: Type.String(),
      given: Type.Boolean(),
      score: Type.Number(),
      priority: Type.Integer(),
      bytes: Type.Integer(),
      why: Type.String(),
    }),
  ),
  text: Type.String({ description: "The answer of begin_session, without the texts of links" }),
});

/** Adds the tools of a project's MCP servers, and a test of its gate. */
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
    {
      method: "POST",
      path: `/api/v1/${project.plural}/:idOrName/gate`,
      access: { verb: "run", resource: project.plural },
      summary: "Tell which prompts a model would get for a task, and why",
      body: GateQuestion,
      response: GateReport,
      handle: async (call) => {
        const row = server.resources.find(call.principal, "run", project, call.params["idOrName"]!);
        if (!opensProject(server.catalogue.snapshot, call.principal, row.name))
          throw notFound(project, row.name);
        const task = await readBody(call, server.deadlines, GateQuestion);
        const { principal, requestId, request } = call;
        const use = {
          project: row,
          requestId,
          caller: { principal, session: principal.id },
          signal: request.signal,
        };
        return Response.json(await server.mcp.gate.report(use, task as GateTask));
      },
    },
  ],
};
