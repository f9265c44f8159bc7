import { AppError } from "../../errors.ts";
import { ByteLines, LineTooLong } from "../../wire/byte-lines.ts";
import { parsedAnswer, unexpectedAnswer } from "./answer-text.ts";
import type { AnswerShape } from "./shape.ts";

const longestLine = 1024 * 1024;

/**
 * Yields the values of an answer with one JSON value on each line. A lost connection ends it like any other end, and a
 * line that was cut off is left out: the caller knows which value must be the last.
 *
 * @param shape the shape of each value
 * @throws AppError `internal` if a line has not this shape, `interrupted` if `signal` has fired
 */
export async function* ndjson<T>(
  answer: AsyncIterable<Uint8Array>,
  shape: AnswerShape<T>,
  signal: AbortSignal,
): AsyncGenerator<T> {
  const lines = new ByteLines(longestLine);
  try {
    for await (const bytes of answer)
      for (const line of lines.push(bytes)) if (line.trim() !== "") yield parsedAnswer(line, shape);
    const rest = lines.rest();
    if (isJson(rest)) yield parsedAnswer(rest, shape);
  } catch (cause) {
    if (cause instanceof AppError) throw cause;
    if (cause instanceof LineTooLong) throw unexpectedAnswer("a line of it is too long");
    if (signal.aborted) throw new AppError("interrupted", "interrupted", { cause });
  }
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
