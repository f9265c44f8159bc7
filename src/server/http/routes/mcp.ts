import { AppError } from "../../../errors.ts";
import { decide } from "../../core/access/policy.ts";
import type { ProjectRow } from "../../core/store/typed-rows.ts";
import { readText } from "../body.ts";
import type { Call, Route } from "../route.ts";
import type { Server } from "../server.ts";

/** The path of a project's endpoint for MCP clients. */
export const projectMcpPath = "/projects/:name/mcp";

const access = { verb: "run", resource: "projects" } as const;

/** The most bytes of one message of a client. */
const maxMessageBytes = 4 * 1024 * 1024;

/** The endpoints of projects for MCP clients. */
export function mcpRoutes(server: Server): Route[] {
  const route = (method: Route["method"], summary: string): Route => ({
    method,
    path: projectMcpPath,
    access,
    summary,
    maxBodyBytes: maxMessageBytes,
    handle: (call) => serve(server, call),
  });
  return [
    route("POST", "Send a message of MCP to a project, in any revision"),
    route("GET", "Open the stream of messages that the server sends by itself (revisions with sessions)"),
    route("DELETE", "End a session (revisions with sessions)"),
  ];
}

async function serve(server: Server, call: Call): Promise<Response> {
  const { request, requestId, principal, peer } = call;
  if (call.isHead) throw new AppError("method_not_allowed", "HEAD is not used by MCP");
  const project = projectOf(server, call);
  const text = request.method === "POST" ? await readText(call, server.deadlines) : "";
  return server.mcp.endpoint.serve({
    request,
    requestId,
    principal,
    project,
    text,
    onLastBytes: () => server.endQuiet(request, peer),
  });
}

/** Returns the project of a request. Throws AppError `not_found` or `forbidden`. */
function projectOf({ catalogue: { snapshot } }: Server, { principal, params }: Call): ProjectRow {
  const name = params["name"]!;
  const project = snapshot.table("project").byName.get(`/${name}`);
  const decision = decide(principal, "run", "projects", name, project);
  if (decision === "forbidden") throw new AppError("forbidden", `you may not run project "${name}"`);
  if (!project || decision === "hidden") throw new AppError("not_found", `project "${name}" not found`);
  return project;
}
