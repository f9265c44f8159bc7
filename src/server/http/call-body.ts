import { cutLongTexts } from "../../wire/cut-long-texts.ts";
import type { Operation } from "../../wire/dialects/operations.ts";
import type { ScannedJson } from "../../wire/json.ts";
import { largeText, nextTurn } from "../../wire/next-turn.ts";
import { parseCall } from "../../wire/parse-call.ts";
import type { Deadlines } from "../core/deadlines.ts";
import { type BodyOf, readJsonBytes, textOf, tooLarge } from "./body.ts";

/**
 * The most bytes of a call besides its long texts, files and images: what is read in one turn of the event loop (T248).
 */
const maxRestBytes = 16 * 1024 * 1024;

/**
 * Reads and parses the body of a call to a model, compressed or not. Long texts of a large one are cut out of it, where
 * nothing but its provider reads them.
 *
 * @throws AppError `unsupported_media_type`, `payload_too_large`, `timed_out` or `invalid_request`
 */
export function readCall(
  call: BodyOf,
  deadlines: Deadlines,
  operation: Operation,
): ScannedJson | Promise<ScannedJson> {
  const bytes = readJsonBytes(call, deadlines, { inflate: true });
  return bytes instanceof Promise ? arriving(bytes, operation) : parsed(bytes, operation);
}

async function arriving(bytes: Promise<Uint8Array>, operation: Operation): Promise<ScannedJson> {
  return parsed(await bytes, operation);
}

function parsed(bytes: Uint8Array, operation: Operation): ScannedJson | Promise<ScannedJson> {
  return bytes.length <= largeText ? parseCall(textOf(bytes), operation) : parsedInTurns(bytes, operation);
}

async function parsedInTurns(bytes: Uint8Array, operation: Operation): Promise<ScannedJson> {
  const whole = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  // The text of speech is billed by its characters.
  const cut = operation === "speech" ? undefined : await cutLongTexts(whole);
  const rest = cut?.rest ?? whole;
  if (rest.length > maxRestBytes)
    throw tooLarge(maxRestBytes, "the body without its long texts, images and files");
  await nextTurn();
  const call = await parseCall(textOf(rest), operation);
  return cut ? { ...call, long: cut.long } : call;
}
