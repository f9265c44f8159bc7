import { AppError } from "../../errors.ts";
import type { AnswerShape } from "./shape.ts";

/** The most bytes of one answer: 5,000 llms with long descriptions take 25 MB. */
const mostBytes = 64 * 1024 * 1024;
const deepest = 64;
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

/**
 * Parses the text of an answer, or of one event of a stream, and checks its shape.
 *
 * @throws AppError "unexpected answer from the server" that names the place of the fault and repeats nothing of it
 */
export function parsedAnswer<T>(text: string | undefined, shape: AnswerShape<T>): T {
  if (text === undefined) throw unexpectedAnswer(`it is larger than ${mostBytes} bytes`);
  const excess = excessIn(text);
  if (excess !== undefined) throw unexpectedAnswer(excess);
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

/** Checks depth and number of values before the text is parsed, in one pass that does not recurse. */
function excessIn(text: string): string | undefined {
  let depth = 0;
  let items = 0;
  for (let at = 0; at < text.length; at++) {
    const character = text[at];
    if (character === '"') at = stringEnd(text, at);
    else if (character === "[" || character === "{") {
      if (++depth > deepest) return `it is nested deeper than ${deepest} levels`;
      items++;
    } else if (character === "]" || character === "}") depth--;
    else if (character === "," && ++items > mostItems) return `it has more than ${mostItems} values`;
  }
  return undefined;
}

/** The index of the closing quote of the string that opens at `start`. */
function stringEnd(text: string, start: number): number {
  for (let at = text.indexOf('"', start + 1); at !== -1; at = text.indexOf('"', at + 1)) {
    let slashes = 0;
    while (text[at - 1 - slashes] === "\\") slashes++;
    if (slashes % 2 === 0) return at;
  }
  return text.length;
}
