import { AppError } from "../../../errors.ts";
import { isForeignPage } from "../../../wire/incoming-request.ts";
import { grantWords, lacksRight } from "../../core/access/forbidden.ts";
import { decide } from "../../core/access/policy.ts";
import { opensProject } from "../../core/access/token-projects.ts";
import type { ProjectRow } from "../../core/store/typed-rows.ts";
import { readText } from "../body.ts";
import type { Call, Route } from "../route.ts";
import type { Server } from "../server.ts";

/** The path of a project's endpoint for MCP clients. */
export const projectMcpPath = "/projects/:name/mcp";

/** The path before that of a resource, at which its metadata is (RFC 9728). */
const metadataPath = "/.well-known/oauth-protected-resource";

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
    challenge: (request, { name = "" }) =>
      `Bearer resource_metadata="${baseOf(server, request)}${metadataPath}${pathOf(name)}"`,
    handle: (call) => serve(server, call),
  });
  return [
    route("POST", "Send a message of MCP to a project, in any revision"),
    route("GET", "Open the stream of messages that the server sends by itself (revisions with sessions)"),
    route("DELETE", "End a session (revisions with sessions)"),
    {
      method: "GET",
      path: `${metadataPath}${projectMcpPath}`,
      access: "public",
      summary:
        "Tell MCP clients how the endpoint of a project takes a bearer, whether or not there is such a project",
      handle: ({ request, params }) =>
        Response.json(metadata(`${baseOf(server, request)}${pathOf(params["name"]!)}`)),
    },
  ];
}

/** Returns the metadata of a protected resource. Bearers are made with `mcpctl create token`, not by OAuth. */
function metadata(resource: string): object {
  return { resource, resource_name: "mcpctl", bearer_methods_supported: ["header"] };
}

function pathOf(name: string): string {
  return projectMcpPath.replace(":name", encodeURIComponent(name));
}

/** Returns the URL of this server as the caller knows it. */
function baseOf({ publicUrls: [publicUrl] }: Server, request: Request): string {
  return publicUrl?.replace(/\/+$/, "") ?? new URL(request.url).origin;
}

async function serve(server: Server, call: Call): Promise<Response> {
  const { request, requestId, principal, peer } = call;
  if (call.isHead) throw new AppError("method_not_allowed", "HEAD is not used by MCP");
  refuseForeignPage(server, request);
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

/** Refuses web pages of other origins, also where they only read: MCP demands it of every request. */
function refuseForeignPage({ publicUrls }: Server, { headers }: Request): void {
  const origin = headers.get("origin");
  if (origin === null || !isForeignPage(origin, headers.get("host"))) return;
  if (!publicUrls.some((url) => new URL(url).origin === origin))
    throw new AppError("forbidden", "requests of web pages of other origins are refused");
}

/** Returns the project of a request. Throws AppError `not_found` or `forbidden`. */
function projectOf({ catalogue: { snapshot } }: Server, { principal, params }: Call): ProjectRow {
  const name = params["name"]!;
  const project = snapshot.named("project", name);
  const decision = decide(principal, "run", "projects", name, project);
  if (decision === "forbidden")
    throw lacksRight(`run project "${name}"`, grantWords("run", "projects", name));
  if (!project || decision === "hidden" || !opensProject(snapshot, principal, name))
    throw new AppError("not_found", `project "${name}" not found`);
  return project;
}
