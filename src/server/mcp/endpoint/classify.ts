import { nameIn, textOfHeader } from "../../../mcp/http-headers.ts";
import {
  asMessage,
  isObject,
  isRequest,
  isResponse,
  type JsonObject,
  type RpcId,
  type RpcMessage,
  type RpcRequest,
} from "../../../mcp/messages.ts";
import { legacyRevisions, metaKeys, modernRevisions } from "../../../mcp/revisions.ts";
import { RpcError, rpcCodes } from "../../../mcp/rpc-error.ts";
import type { ReadHeaders } from "../../../wire/incoming-request.ts";
import { type EnvelopeFault, envelopeFault } from "./envelope.ts";
import type { McpHttpRequest } from "./http-request.ts";

/** A request of a client, by its era; or the reason why it is refused. */
export type Inbound =
  | { kind: "legacy" }
  | { kind: "refused"; status: number; id: RpcId | null; error: RpcError }
  | { kind: "modern"; message: RpcMessage };

/**
 * Finds out the era of a request from its body, and checks what the modern revision says about its headers. By hand: the
 * function of the official SDK does the same, but loads 15 MB for it, in a turn of 60 to 100 ms, and validates a message
 * three times. A test compares the two.
 */
export function classify(
  { headers, method: httpMethod }: Pick<McpHttpRequest, "headers" | "method">,
  body: unknown,
): Inbound {
  const version = headers.get("mcp-protocol-version")?.trim();
  const isForModern = version !== undefined && isNewEra(version);
  if (httpMethod !== "POST") {
    // A stream of the legacy era does not exist in the modern one.
    return isForModern
      ? refused(405, null, rpcCodes.invalidRequest, `${httpMethod} is not used in revision ${shown(version)}`)
      : { kind: "legacy" };
  }
  const message = Array.isArray(body) ? undefined : asMessage(body);
  if (message === undefined || isResponse(message)) return ofLegacyForm(body, message, isForModern);
  const { method, params = {} } = message;
  const id = idIn(body);
  const meta = params["_meta"];
  const claim = isObject(meta) && metaKeys.protocolVersion in meta ? meta : undefined;
  const claimed = claim?.[metaKeys.protocolVersion];
  const fault = claim && faultOf(claim, isRequest(message));
  if (
    method === "initialize" &&
    isRequest(message) &&
    (fault || typeof claimed !== "string" || !isNewEra(claimed))
  ) {
    if (!isForModern) return { kind: "legacy" };
    return refused(400, id, rpcCodes.headerMismatch, `revision ${shown(version)} has no initialize`);
  }
  if (fault) {
    const text = `_meta of revision ${modernRevisions[0]}: ${fault.key}: ${fault.problem}`;
    return refused(400, id, rpcCodes.invalidParams, text, { envelope: fault });
  }
  if (!claim && !isForModern) return { kind: "legacy" };
  if (!claim && isRequest(message)) {
    const missing = isObject(meta) ? [metaKeys.protocolVersion] : ["_meta"];
    const text = `revision ${shown(version)} wants ${missing[0]} in each request`;
    return refused(400, id, rpcCodes.invalidParams, text, { envelope: { missing } });
  }
  if (claim && version !== undefined && version !== claimed)
    return refused(
      400,
      id,
      rpcCodes.headerMismatch,
      "the header mcp-protocol-version does not agree with the body",
    );
  const named = headers.get("mcp-method")?.trim();
  if (named !== undefined && named !== method)
    return refused(400, id, rpcCodes.headerMismatch, "the header mcp-method does not agree with the body");
  if (!isRequest(message)) return { kind: "modern", message };
  if (!isModern(claimed))
    return refused(400, id, rpcCodes.unsupportedVersion, `revision ${shown(claimed)} is not supported`, {
      supported: [...modernRevisions, ...legacyRevisions],
      requested: claimed,
    });
  const mismatch = headerFault(message, headers);
  return mismatch === undefined
    ? { kind: "modern", message }
    : refused(400, id, rpcCodes.headerMismatch, mismatch);
}

/** Classifies batches and responses, which the legacy era has alone, and what is no message. */
function ofLegacyForm(body: unknown, message: RpcMessage | undefined, isForModern: boolean): Inbound {
  const id = idIn(body);
  if (isForModern || (Array.isArray(body) && body.some(claimsRevision)))
    return refused(
      400,
      id,
      rpcCodes.invalidRequest,
      `revision ${modernRevisions[0]} has no batches and no such responses`,
    );
  return message || Array.isArray(body)
    ? { kind: "legacy" }
    : refused(400, id, rpcCodes.invalidRequest, "the body is not a message of JSON-RPC 2.0");
}

function claimsRevision(body: unknown): boolean {
  const params = isObject(body) ? body["params"] : undefined;
  const meta = isObject(params) ? params["_meta"] : undefined;
  return isObject(meta) && metaKeys.protocolVersion in meta;
}

/** Returns the fault of an envelope. That of a notification needs its revision only. */
function faultOf(meta: JsonObject, isOfRequest: boolean): EnvelopeFault | undefined {
  const fault = envelopeFault(meta);
  return isOfRequest || fault?.key === metaKeys.protocolVersion ? fault : undefined;
}

/** True for a revision of the modern era, also for one that is not known yet. */
function isNewEra(revision: string): boolean {
  return revision >= modernRevisions.at(-1)!;
}

/** Returns the reason why the headers of a modern request do not agree with its body. The body is what counts. */
function headerFault({ method, params = {} }: RpcRequest, headers: ReadHeaders): string | undefined {
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
