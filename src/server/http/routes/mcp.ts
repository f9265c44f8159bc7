import { AppError } from "../../../errors.ts";
import { isForeignPage } from "../../../wire/incoming-request.ts";
import { grantWords, lacksRight } from "../../core/access/forbidden.ts";
import { decide } from "../../core/access/policy.ts";
import { opensProject } from "../../core/access/token-projects.ts";
import type { ProjectRow } from "../../core/store/typed-rows.ts";
import { projectMcpPath, projectPath } from "../../mcp/clients/project-url.ts";
import { mcpScope } from "../../mcp/clients/token-endpoint.ts";
import { readText } from "../body.ts";
import { baseOf } from "../public-url.ts";
import type { Call, Route } from "../route.ts";
import type { Server } from "../server.ts";

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
    takesClients: true,
    challenge: (request, { name = "" }) => {
      // A client that sent something learns that it should get another token (RFC 6750 section 3.1).
      const error = request.headers.has("authorization") ? 'error="invalid_token", ' : "";
      return `Bearer ${error}resource_metadata="${baseOf(server, request)}${metadataPath}${projectPath(name)}"`;
    },
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
        "Tell MCP clients where they get a token for the endpoint of a project, whether or not there is such a project",
      handle: ({ request, params }) =>
        Response.json(metadata(baseOf(server, request), params["name"]!), uncached),
    },
  ];
}

/** They depend on the host that the caller names. */
const uncached = { headers: { "cache-control": "no-store" } };

/** Returns the metadata of a project as a protected resource (RFC 9728). */
function metadata(base: string, name: string): object {
  return {
    resource: `${base}${projectPath(name)}`,
    resource_name: `mcpctl: ${name}`,
    authorization_servers: [base],
    scopes_supported: [mcpScope],
    bearer_methods_supported: ["header"],
  };
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
  // A client gets a token for this project instead.
  if (principal.projectId !== undefined && principal.projectId !== project?.id)
    throw new AppError("unauthenticated", "the token is for the endpoint of another project");
  const decision = decide(principal, "run", "projects", name, project);
  if (decision === "forbidden")
    throw lacksRight(`run project "${name}"`, grantWords("run", "projects", name));
  if (!project || decision === "hidden" || !opensProject(snapshot, principal, name))
    throw new AppError("not_found", `project "${name}" not found`);
  return project;
}
