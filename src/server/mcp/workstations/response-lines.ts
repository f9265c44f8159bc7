import type { ProviderResponse } from "../../../net/pushed-response.ts";
import { ByteLines, LineTooLong } from "../../../wire/byte-lines.ts";
import { parseExact } from "../../../wire/exact-json.ts";
import { parsedObject } from "../../../wire/json.ts";
import { maxLineBytes } from "../../../wire/link/mcp-calls.ts";
import { largeText } from "../../../wire/next-turn.ts";

/** The bytes of a response are not lines of JSON, or a line is too long. */
export class BadLines extends Error {}

/**
 * Reads the lines of a response, each an object of JSON, as they come.
 *
 * @param take returns true when it has taken the last line; all else is not read then
 * @returns when the last line was taken, or the response has ended
 * @throws BadLines; HttpFailure or AppError if the response breaks off
 */
export function readLines(
  response: ProviderResponse,
  take: (line: Record<string, unknown>) => boolean,
): Promise<void> {
  const lines = new ByteLines(maxLineBytes);
  const takeLine = (text: string) => {
    if (text.trim() === "") return false;
    // A search for long integers in a large text would hold up others.
    const value = parsedObject(text, {}, text.length > largeText ? JSON.parse : parseExact);
    if (value === undefined || Array.isArray(value)) throw new BadLines("a line is not an object of JSON");
    return take(value as Record<string, unknown>);
  };
  const takeBytes = (bytes: Uint8Array) => {
    for (const text of lines.push(bytes)) if (takeLine(text)) return true;
    return false;
  };
  return new Promise((resolve, reject) => {
    let isOver = false;
    const finish = (settle: () => void) => {
      isOver = true;
      settle();
    };
    const attempt = (work: () => boolean) => {
      if (isOver) return;
      try {
        if (work()) finish(resolve);
      } catch (error) {
        finish(() => reject(error instanceof LineTooLong ? new BadLines(error.message) : error));
        response.cancel();
      }
    };
    response.pipe({
      data: (bytes) => attempt(() => takeBytes(bytes)),
      end: () => {
        attempt(() => takeLine(lines.rest()));
        if (!isOver) finish(resolve);
      },
      error: (error) => {
        if (!isOver) finish(() => reject(error));
      },
    });
  });
}
