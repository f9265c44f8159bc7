import { AppError } from "../../errors.ts";
import { inflatedBody, isCompressed } from "../../net/content-encoding.ts";
import { isPassed, type Operation, operationAt, operations } from "../../wire/dialects/operations.ts";
import { parseExact } from "../../wire/exact-json.ts";
import { refuseOtherCase } from "../../wire/field-case.ts";
import { hopsHeader, hopsIn, nextHop } from "../../wire/hops.ts";
import { type JsonScan, scanJson } from "../../wire/json.ts";
import { Pieces } from "../../wire/pieces.ts";

/** A request of a tool on this machine. Its body is read whole, because it may be sent twice. */
export interface LocalRequest {
  method: string;
  /** The path with the query. */
  path: string;
  /** The headers for the server, with names in lower case. */
  headers: Record<string, string>;
  /** The body; undefined when there is none, and for a form with files. */
  text: string | undefined;
  /** The body of a form with files. */
  form: readonly Uint8Array[] | undefined;
  /** The call of a model; undefined for any other request, such as a list of models. */
  call: ModelCall | undefined;
  signal: AbortSignal;
  /** The number of mcpctl programs that the request has passed before this one. */
  passed: number;
}

export interface ModelCall {
  operation: Operation;
  /** Name of the llm or pool at the server. */
  model: string;
  body: Record<string, unknown>;
  scan: JsonScan;
}

/** The most bytes of a body, as for the server. */
const maxBodyBytes = 32 * 1024 * 1024;
const maxDepth = 64;

const forwarded: ReadonlySet<string> = new Set([
  "accept",
  "anthropic-beta",
  "anthropic-version",
  "authorization",
  "content-type",
  "traceparent",
  "tracestate",
  "user-agent",
  "x-api-key",
]);

/** True for a header that MCP clients send. */
function isOfMcp(name: string): boolean {
  return name.startsWith("mcp-") || name === "last-event-id";
}

/** True for the path of a project's endpoint for MCP clients. */
export function isProjectEndpoint(path: string): boolean {
  return /^\/projects\/[\w.%~-]+\/mcp$/.test(path);
}

/**
 * Reads a request to the local endpoint.
 *
 * @throws AppError `not_found` for a path outside `/v1` that is no project's; `payload_too_large`; `loop_detected`
 */
export async function readLocalRequest(request: Request): Promise<LocalRequest> {
  const { pathname, search } = new URL(request.url);
  const isOfProject = isProjectEndpoint(pathname);
  if (!isOfProject && !/^\/v1(\/[\w.:~-]+)+$/.test(pathname))
    throw new AppError("not_found", "there is nothing at this path");
  const headers: Record<string, string> = {};
  for (const [name, value] of request.headers)
    if (forwarded.has(name) || (isOfProject && isOfMcp(name))) headers[name] = value;
  const passed = hopsIn(request.headers.get(hopsHeader));
  headers[hopsHeader] = String(nextHop(passed));
  const bytes = request.method === "GET" || request.method === "HEAD" ? undefined : await bytesOf(request);
  const operation = request.method === "POST" ? operationAt(pathname) : undefined;
  const isForm = operation !== undefined && operations[operation].isForm === true;
  const text = isForm ? undefined : bytes?.toString("utf8");
  return {
    method: request.method,
    path: pathname + search,
    headers,
    text,
    form: isForm && bytes ? [bytes] : undefined,
    call: operation && !isPassed(operation) && text !== undefined ? modelCall(operation, text) : undefined,
    signal: request.signal,
    passed,
  };
}

async function bytesOf(request: Request): Promise<Buffer> {
  const tooLarge = () => new AppError("payload_too_large", `the body is over ${maxBodyBytes} bytes`);
  if (Number(request.headers.get("content-length")) > maxBodyBytes) throw tooLarge();
  if (isCompressed(request.headers)) return inflatedBody(request, maxBodyBytes, tooLarge);
  const pieces = new Pieces();
  for await (const bytes of request.body ?? []) {
    pieces.add(bytes);
    if (pieces.length > maxBodyBytes) throw tooLarge();
  }
  return pieces.takeInTurns();
}

/** Returns undefined for an invalid body: the server explains what is wrong with it. */
function modelCall(operation: Operation, text: string): ModelCall | undefined {
  try {
    const scan = scanJson(text, { maxDepth });
    refuseOtherCase(scan);
    const body = parseExact(text) as Record<string, unknown>;
    const { model } = body;
    return typeof model === "string" ? { operation, model, body, scan } : undefined;
  } catch {
    return undefined;
  }
}
