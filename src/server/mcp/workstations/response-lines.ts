import type { ProviderResponse } from "../../../net/pushed-response.ts";
import { parsedObject } from "../../../wire/json.ts";
import { maxLineBytes } from "../../../wire/link/mcp-calls.ts";
import { Pieces } from "../../../wire/pieces.ts";

const lineFeed = 10;

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
  const line = new Pieces();
  const takeLine = () => {
    const text = line.take().toString("utf8");
    if (text.trim() === "") return false;
    const value = parsedObject(text);
    if (value === undefined || Array.isArray(value)) throw new BadLines("a line is not an object of JSON");
    return take(value as Record<string, unknown>);
  };
  const takeBytes = (bytes: Uint8Array) => {
    let from = 0;
    for (let end = bytes.indexOf(lineFeed); end !== -1; end = bytes.indexOf(lineFeed, from)) {
      line.add(bytes.subarray(from, end));
      from = end + 1;
      if (takeLine()) return true;
    }
    line.add(bytes.subarray(from));
    if (line.length > maxLineBytes) throw new BadLines("a line is too long");
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
        finish(() => reject(error));
        response.cancel();
      }
    };
    response.pipe({
      data: (bytes) => attempt(() => takeBytes(bytes)),
      end: () => {
        attempt(takeLine);
        if (!isOver) finish(resolve);
      },
      error: (error) => {
        if (!isOver) finish(() => reject(error));
      },
    });
  });
}
