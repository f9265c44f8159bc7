import { isAscii } from "node:buffer";
import { AppError } from "../../errors.ts";
import { cutLongTexts } from "../../wire/cut-long-texts.ts";
import { parseExact, parseExactInTurns } from "../../wire/exact-json.ts";
import {
  type JsonLimits,
  maxJsonItems,
  refuseExcess,
  scanJsonInTurns,
  shortFields,
} from "../../wire/json.ts";
import type { LongTexts } from "../../wire/long-texts.ts";
import { nextTurn } from "../../wire/next-turn.ts";

/** The most bytes of an answer that is parsed whole. */
export const maxParsedBytes = 16 * 1024 * 1024;

/** The most bytes of an answer besides its long texts that are converted, unless it is all ASCII (T248). */
const maxRestBytes = 4 * 1024 * 1024;

/** A longer answer is checked and parsed in several turns of the event loop. Characters. */
const largeCharacters = 1024 * 1024;

const subject = "the provider's response";

/** Probabilities of tokens are many small elements. */
const answerLimits: JsonLimits = {
  subject,
  maxDepth: 100,
  maxItems: 500_000,
  maxStructure: 8 * 1024 * 1024,
  maxKeys: 200_000,
};

/** An answer that passes through may be of any length. It is only not nested more deeply than programs can read. */
const passedLimits: JsonLimits = {
  subject,
  maxDepth: 100,
  maxItems: Number.POSITIVE_INFINITY,
  maxStructure: Number.POSITIVE_INFINITY,
};

/**
 * Parses the answer of a provider. Throws AppError `provider_error` if it is not JSON, or exceeds a limit (T60).
 *
 * @param exact keeps the digits of long integers, for a translation; not needed to read the usage
 */
export function parseAnswer(text: string, exact: boolean): unknown {
  try {
    refuseExcess(text, answerLimits);
    return exact ? parseExact(text) : JSON.parse(text);
  } catch (error) {
    throw notUsable(error);
  }
}

/** The text of an answer, and the long texts that were cut out of it. */
export interface AnswerText {
  text: string;
  long: LongTexts | undefined;
}

/**
 * Returns the text of an answer. Long texts of a large one are cut out, in several turns of the event loop.
 *
 * @param isConverted true for an answer that is translated or becomes a stream: of one that is not ASCII little else is
 *   taken
 * @throws AppError `provider_error`
 */
export async function cutAnswer(bytes: Buffer, isConverted: boolean): Promise<AnswerText> {
  const cut = await cutLongTexts(bytes);
  const rest = cut?.rest ?? bytes;
  if (isConverted && rest.length > maxRestBytes && !isAscii(rest))
    throw new AppError(
      "provider_error",
      `${subject} has more than ${maxRestBytes} bytes besides long texts, images and files`,
    );
  await nextTurn();
  return { text: rest.toString("utf8"), long: cut?.long };
}

/** Returns true for an answer that is checked and parsed in turns. */
export function isLargeAnswer({ length }: string | Uint8Array): boolean {
  return length > largeCharacters;
}

/**
 * Does the same. A large answer is checked in several turns of the event loop, and parsed in one of its own.
 *
 * @throws AppError `provider_error` also for a large answer that is not a JSON object
 */
export async function parseAnswerInTurns(text: string, exact: boolean): Promise<unknown> {
  if (!isLargeAnswer(text)) return parseAnswer(text, exact);
  try {
    const { items } = await scanJsonInTurns(text, answerLimits);
    await nextTurn();
    // Of very many elements nearly all are probabilities of tokens. To keep long integers would take several times as long.
    return exact && items <= maxJsonItems ? await parseExactInTurns(text) : JSON.parse(text);
  } catch (error) {
    throw notUsable(error);
  }
}

/**
 * Parses the short top-level fields of an answer that passes through, such as its usage. An answer of many megabytes is
 * read in several turns of the event loop.
 *
 * @throws AppError `provider_error` if it is not a JSON object, or is nested too deeply (T60)
 */
export async function parseShortFields(text: string): Promise<Record<string, unknown>> {
  try {
    return shortFields(text, await scanJsonInTurns(text, passedLimits)).fields;
  } catch (error) {
    throw notUsable(error);
  }
}

function notUsable(error: unknown): AppError {
  const isLimit = error instanceof AppError && / (?:has|is nested) /.test(error.message);
  const message = isLimit ? error.message : `${subject} is not JSON`;
  return new AppError("provider_error", message, { cause: (error as Error).name });
}
