import { AppError } from "../../errors.ts";
import { type Operation, operationAt } from "../../wire/dialects/operations.ts";
import { refuseOtherCase } from "../../wire/field-case.ts";
import { type JsonScan, parseExact, scanJson } from "../../wire/json.ts";

/** What a tool of this machine asks, read whole: it may have to be asked twice. */
export interface LocalRequest {
  method: string;
  /** As it was sent, with the query. */
  path: string;
  /** Those that the server is to see. Names in lower case. */
  headers: Record<string, string>;
  /** Undefined where a call has no body. */
  text: string | undefined;
  /** What is asked of a model; undefined for anything else, such as a list of models. */
  call: ModelCall | undefined;
  signal: AbortSignal;
}

export interface ModelCall {
  operation: Operation;
  /** The llm or pool of the server's. */
  model: string;
  body: Record<string, unknown>;
  scan: JsonScan;
}

/** As much as the server takes. */
const maxBodyBytes = 32 * 1024 * 1024;
const maxDepth = 64;

const forwarded = [
  "accept",
  "anthropic-beta",
  "anthropic-version",
  "authorization",
  "content-type",
  "traceparent",
  "tracestate",
  "user-agent",
  "x-api-key",
];

/**
 * Reads a request to the local endpoint.
 *
 * @throws AppError `not_found` for what is not under `/v1`, `payload_too_large`
 */
export async function readLocalRequest(request: Request): Promise<LocalRequest> {
  const { pathname, search } = new URL(request.url);
  if (!/^\/v1(\/[\w.:~-]+)+$/.test(pathname))
    throw new AppError("not_found", "there is nothing at this path");
  const headers: Record<string, string> = {};
  for (const name of forwarded) {
    const value = request.headers.get(name);
    if (value !== null) headers[name] = value;
  }
  const text = request.method === "GET" || request.method === "HEAD" ? undefined : await textOf(request);
  const operation = request.method === "POST" ? operationAt(pathname) : undefined;
  return {
    method: request.method,
    path: pathname + search,
    headers,
    text,
    call: operation && text !== undefined ? modelCall(operation, text) : undefined,
    signal: request.signal,
  };
}

async function textOf(request: Request): Promise<string> {
  const declared = Number(request.headers.get("content-length"));
  const bytes = declared > maxBodyBytes ? undefined : await request.bytes();
  if (!bytes || bytes.length > maxBodyBytes)
    throw new AppError("payload_too_large", `the body is over ${maxBodyBytes} bytes`);
  return Buffer.from(bytes).toString("utf8");
}

/** Undefined for what makes no sense: the server says what is wrong with it. */
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
