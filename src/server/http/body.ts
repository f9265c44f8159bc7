import type { Static, TObject } from "@sinclair/typebox";
import { AppError, callerLeft } from "../../errors.ts";
import { validate } from "../../kinds/validate.ts";
import { inflatedBody, isCompressed } from "../../net/content-encoding.ts";
import type { Operation } from "../../wire/dialects/operations.ts";
import { refuseOtherCase } from "../../wire/field-case.ts";
import { formBody, formBoundary, type ScannedForm, scanForm } from "../../wire/form.ts";
import { isObject, parseExact, type ScannedJson, scanJson } from "../../wire/json.ts";
import { nextTurn } from "../../wire/next-turn.ts";
import { Pieces } from "../../wire/pieces.ts";
import type { Deadlines } from "../core/deadlines.ts";

/** The most bytes of a body on a public route: callers without a bearer must not fill the memory (T59). */
export const maxPublicBodyBytes = 8 * 1024;
/** The most bytes of a body on every other route. */
export const maxBodyBytes = 32 * 1024 * 1024;
const maxDepth = 64;

const jsonType = /^application\/(json|[\w.-]+\+json)\s*(;|$)/i;
const utf8 = new TextDecoder("utf-8", { fatal: true });

/** A longer text is decoded in one turn of the event loop and parsed in the next one. */
const largeCharacters = 1024 * 1024;

/** Seconds in which a whole body must arrive (T64). */
const bodySeconds = 60;

/** A request with a body. */
export interface BodyOf {
  request: Request;
  /** The most bytes of the body. */
  maxBodyBytes: number;
}

/**
 * Reads a JSON body as text.
 *
 * @param options.inflate true to accept a compressed body
 * @throws AppError `unsupported_media_type`, `payload_too_large`, `timed_out` or `invalid_request`
 */
export async function readText(
  { request, maxBodyBytes: most }: BodyOf,
  deadlines: Deadlines,
  { inflate = false } = {},
): Promise<string> {
  const { headers } = request;
  const type = headers.get("content-type");
  if (type !== "application/json" && !jsonType.test(type ?? "")) {
    throw new AppError("unsupported_media_type", "the body must be JSON", {
      hint: "send content-type: application/json",
    });
  }
  const bytes = await inTime(bytesOf(request, most, inflate), deadlines);
  let text: string;
  try {
    text = utf8.decode(bytes);
  } catch {
    throw new AppError("invalid_request", "the body is not valid UTF-8");
  }
  if (text.length > largeCharacters) await nextTurn();
  return text;
}

/**
 * Reads a form with files. It has its parts as they are, and its short fields as the body.
 *
 * @throws AppError `unsupported_media_type`, `payload_too_large`, `timed_out` or `invalid_request`
 */
export async function readForm(
  { request, maxBodyBytes: most }: BodyOf,
  deadlines: Deadlines,
): Promise<ScannedJson & { form: ScannedForm }> {
  const boundary = formBoundary(request.headers.get("content-type"));
  const bytes = await inTime(bytesOf(request, most, false), deadlines);
  const form = scanForm(bytes, boundary);
  refuseOtherCase({ members: form.fields.map(({ name }) => ({ key: name, start: 0, end: 0 })) });
  return { text: "{}", scan: { members: [], inside: 1 }, body: formBody(form), form };
}

/** Reads the bytes of a body, decompressed if `inflate` is true. Throws AppError if they exceed the limit. */
function bytesOf(request: Request, most: number, inflate: boolean): Promise<Uint8Array> {
  const { headers } = request;
  const declared = headers.get("content-length");
  if (declared !== null && Number(declared) > most) throw tooLarge(most);
  if (!isCompressed(headers)) return declared !== null ? request.bytes() : counted(request, most);
  if (inflate) return inflatedBody(request, most, () => tooLarge(most));
  throw new AppError(
    "unsupported_media_type",
    "compressed bodies are only accepted by calls of models whose body is JSON",
    {
      hint: "send it without content-encoding",
    },
  );
}

/** Parses a body that must be an object. Its depth and duplicate keys are checked before it is parsed (T60, T61). */
export function parseObject(text: string): Record<string, unknown> {
  scanJson(text, { maxDepth, rejectDuplicateKeys: true });
  return parse(text, JSON.parse);
}

/**
 * Reads a JSON body of a known shape. Errors never repeat its values.
 *
 * @throws AppError `invalid_request` with every fault, and what `readText` throws
 */
export async function readBody<T extends TObject>(
  call: BodyOf,
  deadlines: Deadlines,
  schema: T,
): Promise<Static<T>> {
  const body = parseObject(await readText(call, deadlines));
  const faults = validate(schema, body);
  const [first] = faults;
  if (!first) return body as Static<T>;
  const field = first.path.slice(1).replaceAll("/", ".");
  throw new AppError("invalid_request", `${field}: ${first.message}`, { details: faults });
}

/** The most elements in a call for embeddings, where texts may be lists of tokens. */
const maxEmbeddingItems = 1_000_000;
/** The most characters outside strings in such a call. */
const maxEmbeddingStructure = 8 * 1024 * 1024;

/** Parses the body of a call to a model, with the positions of its top-level values. Long integers keep their digits. */
export function parseCall(
  text: string,
  operation: Operation,
): {
  body: Record<string, unknown>;
  scan: ReturnType<typeof scanJson>;
} {
  const limits =
    operation === "embeddings"
      ? { maxDepth, maxItems: maxEmbeddingItems, maxStructure: maxEmbeddingStructure }
      : { maxDepth };
  const scan = scanJson(text, limits);
  refuseOtherCase(scan);
  return { body: parse(text, parseExact), scan };
}

function parse(text: string, parser: (text: string) => unknown): Record<string, unknown> {
  let value: unknown;
  try {
    value = parser(text);
  } catch (error) {
    // The message of the engine quotes the body, which may have a secret.
    throw new AppError("invalid_request", "the body is not valid JSON", { cause: (error as Error).name });
  }
  if (!isObject(value)) throw new AppError("invalid_request", "the body must be a JSON object");
  return value;
}

/** Waits for a body. Throws AppError if it takes too long, or if the caller goes away. */
function inTime<T>(arriving: Promise<T>, deadlines: Deadlines): Promise<T> {
  return new Promise((resolve, reject) => {
    const deadline = deadlines.after(bodySeconds * 1000, () => reject(tooSlow()));
    const settle =
      <V>(how: (value: V) => void) =>
      (value: V) => {
        deadline.cancel();
        how(value);
      };
    arriving.then(
      settle(resolve),
      settle((error) => reject(error instanceof AppError ? error : callerLeft(error))),
    );
  });
}

/** Reads a body of unknown length. Its bytes are counted as they come, so that memory is limited (T59). */
async function counted(request: Request, most: number): Promise<Uint8Array> {
  const pieces = new Pieces();
  for await (const chunk of request.body ?? []) {
    pieces.add(chunk);
    if (pieces.length > most) throw tooLarge(most);
  }
  return pieces.take();
}

function tooLarge(most: number): AppError {
  const size = most < 1024 * 1024 ? `${most / 1024} KB` : `${most / 1024 / 1024} MB`;
  return new AppError("payload_too_large", `the body is larger than ${size}`);
}

function tooSlow(): AppError {
  return new AppError("timed_out", "the body did not arrive in time", { status: 408 });
}
