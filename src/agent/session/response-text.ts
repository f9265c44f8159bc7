import { AppError } from "../../errors.ts";
import { oneLine } from "../../wire/text.ts";

/** More than the longest request that a server takes in, which an acceptance brings. */
const answerBytes = 64 * 1024 * 1024;
/** The most of a server's words that stands in the log. */
const lineLength = 500;

/**
 * The body of a server's answer, or of whatever stands in front of it.
 *
 * @throws AppError `connection_failed` when it is over 64 MiB: no more of it is read
 */
export async function textOf({ body, headers }: Response): Promise<string> {
  const parts: Uint8Array[] = [];
  let left = Number(headers.get("content-length")) > answerBytes ? -1 : answerBytes;
  for await (const bytes of body ?? []) {
    left -= bytes.length;
    if (left < 0) break;
    parts.push(bytes);
  }
  if (left < 0) throw new AppError("connection_failed", "the server's answer is too large");
  return Buffer.concat(parts).toString("utf8");
}

/** Returns a text of a server's as one line of a log; "" for anything that is no text (T42). */
export function lineOf(text: unknown): string {
  return typeof text === "string" ? oneLine(text, lineLength) : "";
}
