import { AppError } from "../../../errors.ts";
import { dialects } from "../../../wire/dialects/index.ts";
import { isDialect, type Operation, operations } from "../../../wire/dialects/operations.ts";
import { isObject } from "../../../wire/json.ts";
import { parseCall } from "../../../wire/parse-call.ts";
import type { FileLine } from "./stored-text.ts";

/** The most requests of a batch. OpenAI takes as many. */
export const mostRequests = 50_000;
/** The most characters of one line: it is parsed as a whole. */
export const lineCharacters = 16 * 1024 * 1024;
/** The most characters of the id of a request. */
const mostIdCharacters = 512;

/** A fault of the input of a batch, in the form of OpenAI. */
export interface BatchFault {
  code: string;
  message: string;
  param: string | null;
  line: number | null;
}

/** One request of a batch. */
export interface BatchRequest {
  customId: string;
  model: string;
  /** The body of the request. */
  text: string;
}

/** Reads a line of the input of a batch. Throws BatchLineError. */
export async function requestIn({ number, text }: FileLine, operation: Operation): Promise<BatchRequest> {
  const fail = (code: string, message: string, param: string | null = null): never => {
    throw new BatchLineError({ code, message, param, line: number });
  };
  if (text === undefined) return fail("line_too_long", "the line is longer than 16 MB");
  // Embeddings may have the most elements; the body is read once more for what it is.
  const line = await read(text, "embeddings", fail);
  const { custom_id: customId, method, url, body } = line.body;
  if (typeof customId !== "string" || customId === "" || customId.length > mostIdCharacters)
    return fail("missing_required_parameter", "custom_id must be a text of 1 to 512 characters", "custom_id");
  if (method !== "POST") return fail("invalid_method", "method must be POST", "method");
  const { path } = operations[operation];
  if (url !== path) return fail("mismatched_endpoint", `url must be that of the batch: ${path}`, "url");
  if (!isObject(body)) return fail("missing_required_parameter", "body must be an object", "body");
  const member = line.scan.members.findLast(({ key }) => key === "body")!;
  const request = text.slice(member.start, member.end);
  return { customId, model: modelOf(body, operation, fail), text: request };
}

/** Checks the body of a request. Returns its model. */
export function modelOf(
  body: Record<string, unknown>,
  operation: Operation,
  fail: (code: string, message: string, param?: string) => never,
): string {
  const { model, stream, background } = body;
  if (typeof model !== "string" || model === "")
    return fail("missing_required_parameter", "model is required", "body.model");
  if (stream === true) return fail("invalid_request", "stream is not possible in a batch", "body.stream");
  if (background === true)
    return fail("invalid_request", "background is not possible in a batch", "body.background");
  try {
    if (isDialect(operation)) dialects[operation].checkRequest(body);
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return fail("invalid_request", error.message, "body");
  }
  return model;
}

async function read(text: string, operation: Operation, fail: (code: string, message: string) => never) {
  try {
    return await parseCall(text, operation);
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return fail("invalid_json_line", error.message.replace("the body", "the line"));
  }
}

/** The fault of one line. */
export class BatchLineError extends Error {
  override readonly name = "BatchLineError";
  readonly fault: BatchFault;
  constructor(fault: BatchFault) {
    super(fault.message);
    this.fault = fault;
  }
}
