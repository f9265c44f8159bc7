import type { Static, TObject } from "@sinclair/typebox";
import { AppError, callerLeft } from "../../errors.ts";
import { validate } from "../../kinds/validate.ts";
import { inflatedBody, isCompressed } from "../../net/content-encoding.ts";
import { refuseOtherCase } from "../../wire/field-case.ts";
import { formBody, formBoundary, type ScannedForm, scanForm } from "../../wire/form.ts";
import type { CallRequest } from "../../wire/incoming-request.ts";
import { joinedChunks } from "../../wire/joined-chunks.ts";
import type { ScannedJson } from "../../wire/json.ts";
import { largeText, nextTurn } from "../../wire/next-turn.ts";
import { maxDepth, parsedBody, scannedJson } from "../../wire/parse-call.ts";
import { Pieces } from "../../wire/pieces.ts";
import type { Deadlines } from "../core/deadlines.ts";
import type { BodyMemory } from "./body-memory.ts";

/** The most bytes of a body on a public route: callers without a bearer must not fill the memory (T59). */
export const maxPublicBodyBytes = 8 * 1024;
/** The most bytes of a body on routes of objects and rights: one that is larger takes long in one turn (T257). */
export const maxObjectBytes = 4 * 1024 * 1024;
/** The most bytes of a call to a model, and of an answer that an agent posts. */
export const maxBodyBytes = 32 * 1024 * 1024;

const jsonType = /^application\/(json|[\w.-]+\+json)\s*(;|$)/i;
const utf8 = new TextDecoder("utf-8", { fatal: true });
/** Stands in a decoded text for bytes that are not valid UTF-8. */
const replacement = "\ufffd";
const byteOrderMark = "\ufeff";

/** Seconds in which a whole body must arrive (T64). */
const bodySeconds = 60;

/** A request with a body. */
export interface BodyOf {
  request: Pick<CallRequest, "headers" | "body" | "bytes" | "arrived">;
  /** The most bytes of the body. */
  maxBodyBytes: number;
  /** The memory of a large body. */
  body: Pick<BodyMemory, "hold" | "isWhole">;
  /** Throws AppError if the caller has other rights by now than when the request began. */
  recheck?(): void;
}

/**
 * Reads a JSON body as text.
 *
 * @param options.inflate true to accept a compressed body
 * @throws AppError `unsupported_media_type`, `payload_too_large`, `timed_out` or `invalid_request`
 */
export function readText(
  call: BodyOf,
  deadlines: Deadlines,
  { inflate = false } = {},
): string | Promise<string> {
  const bytes = readJsonBytes(call, deadlines, { inflate });
  if (bytes instanceof Promise) return bytes.then(textInTurn);
  return textInTurn(bytes);
}

function textInTurn(bytes: Uint8Array): string | Promise<string> {
  return bytes.length > largeText ? nextTurn().then(() => textOf(bytes)) : textOf(bytes);
}

/**
 * Reads the bytes of a JSON body; returns them at once if all have arrived. Options and errors are those of `readText`.
 */
export function readJsonBytes(
  call: BodyOf,
  deadlines: Deadlines,
  { inflate = false } = {},
): Uint8Array | Promise<Uint8Array> {
  const type = call.request.headers.get("content-type");
  if (type !== "application/json" && !jsonType.test(type ?? "")) {
    throw new AppError("unsupported_media_type", "the body must be JSON", {
      hint: "send content-type: application/json",
    });
  }
  return bytesOf(call, inflate, deadlines);
}

/** Returns the text of a body. Throws AppError `invalid_request`. */
export function textOf(bytes: Uint8Array): string {
  // It takes less than half of the time, and has a sign in place of what is not valid.
  const text = bytes instanceof Buffer ? bytes.toString() : replacement;
  return text.includes(replacement) || text.startsWith(byteOrderMark) ? strictTextOf(bytes) : text;
}

function strictTextOf(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw new AppError("invalid_request", "the body is not valid UTF-8");
  }
}

/**
 * Reads the fields of a form in URL encoding, as OAuth has them.
 *
 * @throws AppError `unsupported_media_type`, `payload_too_large`, `timed_out` or `invalid_request`
 */
export async function readFields(call: BodyOf, deadlines: Deadlines): Promise<string> {
  const type = call.request.headers.get("content-type") ?? "";
  if (!/^application\/x-www-form-urlencoded\s*(;|$)/i.test(type))
    throw new AppError(
      "unsupported_media_type",
      "the body must be a form: application/x-www-form-urlencoded",
    );
  return textOf(await bytesOf(call, false, deadlines));
}

/**
 * Reads a form with files. It has its parts as they are, and its short fields as the body.
 *
 * @throws AppError `unsupported_media_type`, `payload_too_large`, `timed_out` or `invalid_request`
 */
export async function readForm(
  call: BodyOf,
  deadlines: Deadlines,
): Promise<ScannedJson & { form: ScannedForm }> {
  const boundary = formBoundary(call.request.headers.get("content-type"));
  const bytes = await bytesOf(call, false, deadlines);
  const form = scanForm(bytes, boundary);
  refuseOtherCase({ members: form.fields.map(({ name }) => ({ key: name, start: 0, end: 0 })) });
  return { text: "{}", scan: { members: [], inside: 1, items: 0 }, body: formBody(form), form };
}

/**
 * Reads the bytes of a body, decompressed if `inflate` is true, once there is memory for a large one. Throws AppError if
 * they exceed the limit.
 */
function bytesOf(call: BodyOf, inflate: boolean, deadlines: Deadlines): Uint8Array | Promise<Uint8Array> {
  const { request, maxBodyBytes: most, body } = call;
  const { headers } = request;
  const declared = headers.get("content-length");
  if (declared !== null && Number(declared) > most) throw tooLarge(most);
  const isPlain = !isCompressed(headers);
  if (isPlain && declared !== null) {
    const held = body.hold(Number(declared));
    return (held ? undefined : request.arrived?.()) ?? arriving(call, deadlines, held);
  }
  if (!isPlain && !inflate)
    throw new AppError(
      "unsupported_media_type",
      "compressed bodies are only accepted by calls of models whose body is JSON",
      { hint: "send it without content-encoding" },
    );
  return ofUnknownLength(call, isPlain, deadlines);
}

/**
 * Returns a body whose rights are checked again: it may have taken a minute. Who was refused meanwhile writes nothing (T56).
 *
 * @param held resolves when there is memory for it; undefined if there is
 */
async function arriving(
  call: BodyOf,
  deadlines: Deadlines,
  held: Promise<void> | undefined,
): Promise<Uint8Array> {
  if (held) await held;
  const bytes = await inTime(call.request.bytes(), deadlines);
  call.recheck?.();
  return bytes;
}

async function ofUnknownLength(call: BodyOf, isPlain: boolean, deadlines: Deadlines): Promise<Uint8Array> {
  const { request, maxBodyBytes: most, body } = call;
  // Nobody knows yet how many they become.
  const onLarge = () => body.hold(most);
  const read = isPlain
    ? counted(request, most, onLarge)
    : inflatedBody(request, most, () => tooLarge(most), onLarge);
  const bytes = await inTime(read, deadlines);
  body.isWhole(bytes.length);
  call.recheck?.();
  return bytes;
}

/**
 * Reads a JSON body that must be an object. Its depth and duplicate keys are checked before it is parsed (T60, T61).
 *
 * @throws AppError `invalid_request`, and what `readText` throws
 */
export async function readObject(call: BodyOf, deadlines: Deadlines): Promise<Record<string, unknown>> {
  const text = await readText(call, deadlines);
  await scannedJson(text, { maxDepth, rejectDuplicateKeys: true });
  return parsedBody(text, JSON.parse);
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
  const body = await readObject(call, deadlines);
  const faults = validate(schema, body);
  const [first] = faults;
  if (!first) return body as Static<T>;
  const field = first.path.slice(1).replaceAll("/", ".");
  throw new AppError("invalid_request", `${field}: ${first.message}`, { details: faults });
}

/** Yields a body in pieces, for whose end nobody waits in memory. Behind the last one the rights of its caller are checked again (T56). */
export async function* rechecked<T>(
  pieces: AsyncIterable<T>,
  call: { recheck(): void },
): AsyncGenerator<T, void> {
  yield* pieces;
  call.recheck();
}

/** Waits for a body. Throws AppError if it takes too long, or if the caller goes away. */
function inTime<T>(arriving: Promise<T>, deadlines: Deadlines): Promise<T> {
  return new Promise((resolve, reject) => {
    const deadline = deadlines.after(bodySeconds * 1000, () => reject(tooSlow()));
    arriving.then(
      (value) => {
        deadline.cancel();
        resolve(value);
      },
      (error) => {
        deadline.cancel();
        reject(error instanceof AppError ? error : callerLeft(error));
      },
    );
  });
}

/** Reads a body of unknown length. Its bytes are counted as they come, so that memory is limited (T59). */
async function counted(
  request: Pick<CallRequest, "body">,
  most: number,
  onLarge: () => Promise<void> | undefined,
): Promise<Uint8Array> {
  const pieces = new Pieces();
  for await (const chunk of joinedChunks(request.body ?? new Blob([]).stream())) {
    pieces.add(chunk);
    if (pieces.length > most) throw tooLarge(most);
    if (pieces.length > largeText) await onLarge();
  }
  return pieces.takeInTurns();
}

export function tooLarge(most: number, subject = "the body"): AppError {
  const size = most < 1024 * 1024 ? `${most / 1024} KB` : `${most / 1024 / 1024} MB`;
  return new AppError("payload_too_large", `${subject} is larger than ${size}`);
}

function tooSlow(): AppError {
  return new AppError("timed_out", "the body did not arrive in time", { status: 408 });
}
