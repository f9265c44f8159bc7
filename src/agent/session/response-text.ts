import { AppError } from "../../errors.ts";
import { Pieces } from "../../wire/pieces.ts";
import { oneLine } from "../../wire/text.ts";

/** The most bytes of a response. An acceptance contains a whole request, so this is more than the longest request. */
export const answerBytes = 64 * 1024 * 1024;
/** The most characters of a server's text in the log. */
const lineLength = 500;

/**
 * Reads the body of a response of the server, or of a proxy in front of it.
 *
 * @param onPart called after each part
 * @throws AppError `connection_failed` when it is over 64 MiB: the rest is not read
 */
export async function textOf({ body, headers }: Response, onPart = () => {}): Promise<string> {
  const pieces = new Pieces();
  let left = Number(headers.get("content-length")) > answerBytes ? -1 : answerBytes;
  for await (const bytes of body ?? []) {
    left -= bytes.length;
    if (left < 0) break;
    pieces.add(bytes);
    onPart();
  }
  if (left < 0) throw new AppError("connection_failed", "the server's response is too large");
  return (await pieces.takeInTurns()).toString("utf8");
}

/** Returns a text of the server as one line for the log; "" for a value that is not a text (T42). */
export function lineOf(text: unknown): string {
  return typeof text === "string" ? oneLine(text, lineLength) : "";
}
