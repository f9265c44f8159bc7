import { AppError } from "../../../errors.ts";
import { Parameters } from "../../mcp/clients/authorization-request.ts";
import { OAuthError } from "../../mcp/clients/oauth-error.ts";
import { projectMcpPath } from "../../mcp/clients/project-url.ts";
import { registerClient } from "../../mcp/clients/registered-client.ts";
import { mcpScope } from "../../mcp/clients/token-endpoint.ts";
import { readFields, readObject } from "../body.ts";
import { addressKeys } from "../login-session.ts";
import { baseOf, basesOf } from "../public-url.ts";
import type { Call, Route } from "../route.ts";
import type { Server } from "../server.ts";
import { fileResponse, webFiles } from "../web/assets.ts";

const metadataPath = "/.well-known/oauth-authorization-server";

const noStore = { "cache-control": "no-store", pragma: "no-cache" };

/** This server as the authorization server of MCP clients: its metadata, and the endpoints that clients call. */
export function mcpOauthRoutes(server: Server): Route[] {
  const metadata: Pick<Route, "method" | "access" | "handle"> = {
    method: "GET",
    access: "public",
    handle: ({ request }) => Response.json(serverMetadata(baseOf(server, request)), { headers: noStore }),
  };
  return [
    {
      ...metadata,
      path: metadataPath,
      summary: "Describe this server to MCP clients as their authorization server (RFC 8414)",
    },
    {
      ...metadata,
      // Clients of older revisions look for it below the path of the endpoint.
      path: `${metadataPath}${projectMcpPath}`,
      isUndocumented: true,
      summary: "Describe this server to MCP clients as their authorization server",
    },
    {
      method: "POST",
      path: "/oauth/register",
      access: "public",
      status: 201,
      summary: "Register an MCP client (RFC 7591); nothing is stored, and the client gets no secret",
      handle: (call) =>
        answer(async () => {
          count(server, call);
          const metadata = await readObject(call, server.deadlines).catch((error) => {
            throw error instanceof AppError && error.code === "invalid_request"
              ? new OAuthError("invalid_client_metadata", error.message)
              : error;
          });
          return Response.json(registerClient(metadata, server.now()), { status: 201, headers: noStore });
        }),
    },
    {
      method: "GET",
      path: "/oauth/authorize",
      access: "public",
      summary: "Show the page on which a user gives an MCP client access to a project, or denies it",
      query: {
        response_type: "code",
        client_id: "the client: an id from /oauth/register, or the https URL of a document about it",
        redirect_uri: "the address that the browser is sent back to, one of the client's",
        code_challenge: "the challenge of PKCE",
        code_challenge_method: "S256",
        resource: "the URL of the MCP endpoint of a project",
        state: "comes back with the answer",
        scope: `${mcpScope}; others are left out`,
      },
      async handle({ request }) {
        const headers = {
          "cache-control": "no-store",
          // Clients open it in a window of their own and wait for it; it must not lose them.
          "cross-origin-opener-policy": "unsafe-none",
        };
        return fileResponse(request, (await webFiles())["index.html"]!, headers);
      },
    },
    {
      method: "POST",
      path: "/oauth/token",
      access: "public",
      summary: "Exchange a code or a refresh token for tokens (RFC 6749)",
      handle: (call) =>
        answer(async () => {
          const { request, requestId } = call;
          const settle = count(server, call);
          const parameters = new Parameters(await readFields(call, server.deadlines));
          const bases = basesOf(server, request);
          const tokens = await server.clients.tokens.exchange({ parameters, bases, requestId });
          settle();
          return Response.json(tokens, { headers: noStore });
        }),
    },
    {
      method: "POST",
      path: "/oauth/revoke",
      access: "public",
      summary: "Take back a token of an MCP client (RFC 7009)",
      handle: (call) =>
        answer(async () => {
          count(server, call);
          const parameters = new Parameters(await readFields(call, server.deadlines));
          await server.clients.tokens.revoke({ parameters, requestId: call.requestId });
          return new Response(null, { headers: noStore });
        }),
    },
  ];
}

/** Returns the metadata of an authorization server. */
function serverMetadata(issuer: string): object {
  return {
    issuer,
    authorization_endpoint: `${issuer}/oauth/authorize`,
    token_endpoint: `${issuer}/oauth/token`,
    registration_endpoint: `${issuer}/oauth/register`,
    revocation_endpoint: `${issuer}/oauth/revoke`,
    response_types_supported: ["code"],
    response_modes_supported: ["query"],
    grant_types_supported: ["authorization_code", "refresh_token"],
    token_endpoint_auth_methods_supported: ["none"],
    revocation_endpoint_auth_methods_supported: ["none"],
    code_challenge_methods_supported: ["S256"],
    scopes_supported: [mcpScope],
    client_id_metadata_document_supported: true,
    authorization_response_iss_parameter_supported: true,
  };
}

/**
 * Counts a request on its address. Returns a function that takes it back because it was a good one.
 *
 * @throws AppError `too_many_requests`
 */
function count(server: Server, call: Call): () => void {
  const keys = addressKeys(server, call);
  const wait = server.clients.requests.attempt(...keys);
  if (wait > 0)
    throw new AppError("too_many_requests", "too many requests; try again later", { retryAfter: wait });
  return () => server.clients.requests.forgive(...keys);
}

/** Answers a client, and refuses it in the words of OAuth. */
async function answer(work: () => Promise<Response>): Promise<Response> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof OAuthError) return refusal(error.code, error.message, error.status, {});
    if (!(error instanceof AppError) || error.status >= 500) throw error;
    const { code, message, retryAfter, status } = error;
    if (code !== "too_many_requests")
      return refusal("invalid_request", message, code === "payload_too_large" ? status : 400, {});
    const wait = { "retry-after": String(Math.ceil(retryAfter ?? 1)) };
    return refusal("temporarily_unavailable", message, status, wait);
  }
}

function refusal(
  error: string,
  description: string,
  status: number,
  headers: Record<string, string>,
): Response {
  return Response.json(
    { error, error_description: description },
    { status, headers: { ...noStore, ...headers } },
  );
}
