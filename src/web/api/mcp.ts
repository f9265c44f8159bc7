import { ApiError, request } from "./client.ts";

/** A tool as an MCP client of a project gets it. */
export interface ShownMcpTool {
  name: string;
  description?: string;
  inputSchema: FormSchema;
}

/** A JSON schema, as far as a form is made of it. */
export interface FormSchema {
  type?: string | string[];
  description?: string;
  properties?: Record<string, FormSchema>;
  required?: string[];
  enum?: unknown[];
  default?: unknown;
}

interface RpcAnswer<T> {
  result?: T;
  error?: { code: number; message: string };
}

const revision = "2026-07-28";

/**
 * Sends one message to the endpoint of a project, as an MCP client does: every call of it is one request.
 *
 * @throws ApiError, also for an error of the protocol
 */
export async function callMcp<T>(
  project: string,
  method: string,
  params: Record<string, unknown> = {},
): Promise<T> {
  const { name } = params;
  const meta = {
    "io.modelcontextprotocol/protocolVersion": revision,
    "io.modelcontextprotocol/clientInfo": { name: "mcpctl-page", version: "1" },
    "io.modelcontextprotocol/clientCapabilities": {},
  };
  const answer = await request<RpcAnswer<T>>(`/projects/${encodeURIComponent(project)}/mcp`, {
    method: "POST",
    headers: {
      accept: "application/json, text/event-stream",
      "mcp-protocol-version": revision,
      "mcp-method": method,
      ...(typeof name === "string" && { "mcp-name": name }),
    },
    body: { jsonrpc: "2.0", id: 1, method, params: { ...params, _meta: meta } },
  });
  if (answer.error) throw new ApiError(answer.error.message, String(answer.error.code), 200);
  return answer.result as T;
}
