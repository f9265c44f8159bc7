import { nameIn, textOfHeader } from "../../../mcp/http-headers.ts";
import {
  isObject,
  type JsonObject,
  type RpcId,
  type RpcMessage,
  type RpcRequest,
} from "../../../mcp/messages.ts";
import { legacyRevisions, metaKeys, modernRevisions } from "../../../mcp/revisions.ts";
import { RpcError, rpcCodes } from "../../../mcp/rpc-error.ts";

/** A request of a client, by its era; or the reason why it is refused. */
export type Inbound =
  | { kind: "legacy" }
  | { kind: "refused"; status: number; id: RpcId | null; error: RpcError }
  | { kind: "modern"; message: RpcMessage };

/** Finds out the era of a request from its body, and checks what the modern revision says about its headers. */
export async function classify(request: Request, body: unknown): Promise<Inbound> {
  // Loaded with the first request: a server without MCP clients has 15 MB more without it.
  const { classifyInboundRequest } = await import("@modelcontextprotocol/server");
  const { headers, method } = request;
  const version = headers.get("mcp-protocol-version")?.trim();
  const mcpMethod = headers.get("mcp-method")?.trim();
  const outcome = classifyInboundRequest({
    httpMethod: method,
    body,
    ...(version !== undefined && { protocolVersionHeader: version }),
    ...(mcpMethod !== undefined && { mcpMethodHeader: mcpMethod }),
  });
  if (outcome.kind === "legacy") {
    // A stream of the legacy era does not exist in the modern one.
    if (version !== undefined && isModern(version))
      return method === "POST"
        ? refused(
            400,
            null,
            rpcCodes.invalidRequest,
            `revision ${version} has no batches and no such responses`,
          )
        : refused(405, null, rpcCodes.invalidRequest, `${method} is not used in revision ${version}`);
    return { kind: "legacy" };
  }
  const id = idIn(body);
  if (outcome.kind === "reject") {
    const { httpStatus: status, code, message, data } = outcome;
    return { kind: "refused", status, id, error: new RpcError(code, message, data) };
  }
  const message = outcome.message as RpcMessage;
  if ("id" in message && "method" in message) {
    const requested = revisionIn(message.params ?? {});
    if (!isModern(requested))
      return refused(400, id, rpcCodes.unsupportedVersion, `revision ${shown(requested)} is not supported`, {
        supported: [...modernRevisions, ...legacyRevisions],
        requested,
      });
    const fault = headerFault(message, headers);
    if (fault !== undefined) return refused(400, id, rpcCodes.headerMismatch, fault);
  }
  return { kind: "modern", message };
}

/** Returns the reason why the headers of a modern request do not agree with its body. The body is what counts. */
function headerFault({ method, params = {} }: RpcRequest, headers: Headers): string | undefined {
  for (const name of ["mcp-protocol-version", "mcp-method"])
    if (!headers.has(name)) return `the header ${name} is missing`;
  const name = nameIn(method, params);
  if (name === undefined) return undefined;
  const header = headers.get("mcp-name")?.trim();
  if (header === undefined) return "the header mcp-name is missing";
  const decoded = textOfHeader(header);
  if (decoded === undefined) return "the header mcp-name is not valid base64";
  return decoded === name ? undefined : "the header mcp-name does not agree with the body";
}

function isModern(revision: unknown): boolean {
  return (modernRevisions as readonly unknown[]).includes(revision);
}

function revisionIn({ _meta: meta }: JsonObject): unknown {
  return isObject(meta) ? meta[metaKeys.protocolVersion] : undefined;
}

/** Returns the id of a message that may not be valid. */
export function idIn(body: unknown): RpcId | null {
  const id = isObject(body) ? body["id"] : undefined;
  return typeof id === "string" || typeof id === "number" ? id : null;
}

function refused(
  status: number,
  id: RpcId | null,
  code: number,
  message: string,
  data?: unknown,
): Extract<Inbound, { kind: "refused" }> {
  return { kind: "refused", status, id, error: new RpcError(code, message, data) };
}

function shown(value: unknown): string {
  return String(value).slice(0, 40);
}
