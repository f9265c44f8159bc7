import { AppError } from "../../errors.ts";
import { type AnswerShape, deepest } from "./shape.ts";

/** The most bytes of one answer: 5,000 llms with long descriptions take 25 MB. */
const mostBytes = 64 * 1024 * 1024;
const tooDeep = `it is nested deeper than ${deepest} levels`;
/** The most characters of a text that is parsed without a look at it. */
const smallText = 256 * 1024;
/** The most values and keys of one answer. Bytes alone do not bound the memory: `{}` is two of them. */
const mostItems = 4_000_000;

/** The error for an answer that is not what was asked for. It is not tried again, as a failure of the server would be. */
export function unexpectedAnswer(what: string): AppError {
  return new AppError("internal", `unexpected answer from the server: ${what}`, { status: 200 });
}

/** True for an error of `unexpectedAnswer`. */
export function isUnexpectedAnswer(error: unknown): boolean {
  return error instanceof AppError && error.code === "internal" && error.status === 200;
}

/**
 * Reads a body as text.
 *
 * @param most the most bytes
 * @param onBytes called whenever bytes have arrived
 * @returns undefined if there are more bytes
 */
export async function textOf(
  response: Response,
  most = mostBytes,
  onBytes: () => void = () => {},
): Promise<string | undefined> {
  // A stream of bytes takes longer to set up than a small answer takes in all.
  if (isSmall(response, most)) return response.text();
  const decoder = new TextDecoder();
  let text = "";
  let read = 0;
  for await (const bytes of response.body ?? []) {
    onBytes();
    read += bytes.length;
    if (read > most) return undefined;
    text += decoder.decode(bytes, { stream: true });
  }
  return text + decoder.decode();
}

/** True if an answer says that it is small. Compressed it could still be large. */
function isSmall({ headers }: Response, most: number): boolean {
  const length = headers.get("content-length");
  return length !== null && Number(length) <= Math.min(most, smallText) && !headers.has("content-encoding");
}

/**
 * Parses the text of an answer, or of one event of a stream, and checks its shape.
 *
 * @throws AppError "unexpected answer from the server" that names the place of the fault and repeats nothing of it
 */
export function parsedAnswer<T>(text: string | undefined, shape: AnswerShape<T>): T {
  if (text === undefined) throw unexpectedAnswer(`it is larger than ${mostBytes} bytes`);
  if (text.length > smallText) refuseExcess(text);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // The parser's own message is left out: it quotes the answer.
    throw unexpectedAnswer("it is not JSON");
  }
  const fault = shape.faultIn(value);
  if (fault !== undefined) throw unexpectedAnswer(fault.replace(/^ /, "it ").slice(0, 200));
  return value as T;
}

const quote = 34;
const comma = 44;
const backslash = 92;
// A bracket and a brace differ in this bit alone.
const braceBit = 32;
const opening = 123;
const closing = 125;

/**
 * Throws AppError if a text has too many values or levels, in one pass that does not recurse. Parsing such a text would
 * take seconds and gigabytes; in a small one it does not matter.
 */
function refuseExcess(text: string): void {
  let depth = 0;
  let items = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === quote) at = stringEnd(text, at);
    else if (code === comma) items++;
    else if ((code | braceBit) === opening) {
      items++;
      if (++depth > deepest) throw unexpectedAnswer(tooDeep);
    } else if ((code | braceBit) === closing) depth--;
    if (items > mostItems) throw unexpectedAnswer(`it has more than ${mostItems} values`);
  }
}

/** The index of the closing quote of the string that opens at `start`. */
function stringEnd(text: string, start: number): number {
  for (let at = text.indexOf('"', start + 1); at !== -1; at = text.indexOf('"', at + 1)) {
    let slashes = 0;
    while (text.charCodeAt(at - 1 - slashes) === backslash) slashes++;
    if (slashes % 2 === 0) return at;
  }
  return text.length;
}
