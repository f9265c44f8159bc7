import { AppError } from "../../errors.ts";
import { retryAfterSeconds } from "../../time.ts";
import { dialects } from "../../wire/dialects/index.ts";
import { type Operation, operations } from "../../wire/dialects/operations.ts";
import {
  isObject,
  type JsonScan,
  refuseExcess,
  type ScannedJson,
  scanJson,
  scanJsonInTurns,
} from "../../wire/json.ts";
import { withoutTopLevel } from "../../wire/json-splice.ts";
import type { TaskError, WholeHead } from "../../wire/link/tasks.ts";
import { largeText, nextTurn } from "../../wire/next-turn.ts";

/** A decoded result of a task. */
export type AgentResult = { epoch: number | undefined; attempt: number | undefined } & (
  | { is: "whole"; status: number; body: Buffer; contentType: string; retryAfter: number | undefined }
  /** One chunk, from an agent that does not number its chunks. */
  | { is: "chunk"; frames: readonly string[]; done: boolean }
  | {
      is: "batch";
      seq: number;
      frames: readonly string[];
      done: boolean;
      /** The head of a whole response, whose parts the frames are. */
      whole: WholeHead | undefined;
    }
  | { is: "error"; error: TaskError }
);

/** The largest depth of a message: it contains a body, which may be as deep as any body that the server reads. */
export const maxDepth = 80;

/** Limits of a result: embeddings are long lists of numbers, and logarithms of probabilities have many keys. */
export const resultLimits = {
  maxDepth,
  maxItems: 2_000_000,
  maxStructure: 16 * 1024 * 1024,
  maxKeys: 1_000_000,
};

const kinds: Readonly<Record<TaskError["kind"], true>> = {
  connect: true,
  closed: true,
  timeout: true,
  malformed: true,
  "too-large": true,
  busy: true,
  unknown_llm: true,
  wake: true,
  draining: true,
};

/**
 * Decodes a result of any shape. Ignores unknown fields. The body of a whole response is kept as text, so that no digit
 * is lost.
 *
 * @throws AppError `invalid_request`
 */
export function readResult(text: string): AgentResult {
  const scan = scanJson(text, resultLimits);
  return resultIn({ text, scan, body: parseMessage(text) });
}

/** Does the same for a text that may be large, in several turns of the event loop. */
export async function readResultInTurns(text: string): Promise<AgentResult> {
  if (text.length <= largeText) return readResult(text);
  return resultIn(await parseLargeResult(text, await scanJsonInTurns(text, resultLimits)));
}

/**
 * Parses a large result without the body of a response: that one is passed on as text, and read when it is answered. Of
 * all else a result has little.
 *
 * @throws AppError `invalid_request`
 */
export async function parseLargeResult(text: string, scan: JsonScan): Promise<ScannedJson> {
  const body = scan.members.findLast(({ key }) => key === "body");
  const isPassedOn = body !== undefined && text[body.start] !== '"';
  const rest = isPassedOn ? withoutTopLevel(text, scan, "body") : text;
  await nextTurn();
  refuseExcess(rest, { maxDepth, subject: "the message" });
  return { text, scan, body: parseMessage(rest) };
}

/** Decodes a result that is parsed already. Throws AppError `invalid_request`. */
export function resultIn({ text, scan, body: result }: ScannedJson): AgentResult {
  const head = { epoch: numberIn(result, "epoch"), attempt: numberIn(result, "attempt") };
  const { error, frames, chunk, status } = result;
  if (error !== undefined) return { ...head, is: "error", error: taskError(error) };
  if (frames !== undefined) {
    const seq = numberIn(result, "seq");
    if (
      seq === undefined ||
      seq < 1 ||
      !Array.isArray(frames) ||
      !frames.every((frame) => typeof frame === "string")
    )
      throw malformed("frames must be a list of strings, with a seq that counts from 1");
    const whole = isObject(result["head"]) ? headIn(result["head"]) : undefined;
    return { ...head, is: "batch", seq, frames, done: result["done"] === true, whole };
  }
  if (chunk !== undefined) {
    const { data, done } = (chunk ?? {}) as Record<string, unknown>;
    if (typeof data !== "string") throw malformed("chunk must be {data: string, done?: boolean}");
    return { ...head, is: "chunk", frames: [data], done: done === true };
  }
  if (status === undefined)
    throw malformed("a result must have status and body, or chunk, or seq and frames, or error");
  const { status: code, retryAfter } = headIn(result);
  const member = scan.members.findLast(({ key }) => key === "body");
  const isText = typeof result["body"] === "string";
  const body = isText ? (result["body"] as string) : member ? text.slice(member.start, member.end) : "";
  return {
    ...head,
    is: "whole",
    status: code,
    body: Buffer.from(body),
    contentType: isText ? textType : jsonType,
    retryAfter,
  };
}

const textType = "text/plain; charset=utf-8";
const jsonType = "application/json";

/**
 * Reads the head of a whole response. Of the content type only JSON and text are told apart.
 *
 * @throws AppError `invalid_request` without a valid status
 */
export function headIn(message: Readonly<Record<string, unknown>>): WholeHead {
  const { status, contentType } = message;
  if (!Number.isInteger(status) || (status as number) < 100 || (status as number) > 599)
    throw malformed("status must be an HTTP status");
  const retryAfter = retryAfterSeconds(message["retryAfter"]);
  const isText = typeof contentType === "string" && !/^application\/([\w.-]+\+)?json\b/i.test(contentType);
  return {
    status: status as number,
    contentType: isText ? textType : jsonType,
    ...(retryAfter !== undefined && { retryAfter }),
  };
}

/**
 * Parses a JSON object.
 *
 * @throws AppError `invalid_request`, without a part of the text
 */
export function parseMessage(text: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw malformed("the message is not valid JSON");
  }
  if (!isObject(value)) throw malformed("the message must be a JSON object");
  return value;
}

/**
 * Reads an optional integer.
 *
 * @returns undefined if the key is missing or null
 * @throws AppError `invalid_request` if the value is not an integer
 */
export function numberIn(object: Readonly<Record<string, unknown>>, key: string): number | undefined {
  const value = object[key];
  if (value === undefined || value === null) return undefined;
  if (!Number.isSafeInteger(value)) throw malformed(`${key} must be an integer`);
  return value as number;
}

function taskError(error: unknown): TaskError {
  if (typeof error === "string") return { kind: "closed", message: error };
  const { kind, message, retryAfter } = (error ?? {}) as Partial<Record<keyof TaskError, unknown>>;
  const after = retryAfterSeconds(retryAfter);
  return {
    // A newer agent may send an unknown kind.
    kind: typeof kind === "string" && Object.hasOwn(kinds, kind) ? (kind as TaskError["kind"]) : "closed",
    message: typeof message === "string" ? message : "",
    ...(after !== undefined && { retryAfter: after }),
  };
}

/**
 * Returns a chunk as server-sent events. Whole events are returned as they are; the data of an event becomes one event,
 * with a `data` line for each of its lines.
 */
export function eventText(operation: Operation, chunk: string): string {
  if (/^\s*[{[]/.test(chunk)) {
    const { namesEvents } = dialects[operations[operation].dialect];
    const name = namesEvents ? typeOf(chunk) : undefined;
    const data = `data: ${chunk.trim().replace(/\r\n|[\r\n]/g, "\ndata: ")}\n\n`;
    return name === undefined ? data : `event: ${name}\n${data}`;
  }
  return chunk === "" || /(\n\n|\r\n\r\n|\r\r)$/.test(chunk) ? chunk : `${chunk}\n\n`;
}

/** Returns the `type` of a payload: some dialects name their events after it. */
function typeOf(payload: string): string | undefined {
  try {
    const { type } = JSON.parse(payload) as { type?: unknown };
    return typeof type === "string" && /^[\w.-]+$/.test(type) ? type : undefined;
  } catch {
    return undefined;
  }
}

function malformed(message: string): AppError {
  return new AppError("invalid_request", message);
}
