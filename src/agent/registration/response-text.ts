import { AppError } from "../../errors.ts";

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

/** What a server says for people, as one line of a log: it moves no cursor and begins no line of its own (T42). */
export function oneLine(said: unknown): string {
  if (typeof said !== "string") return "";
  return said
    .slice(0, lineLength)
    .replace(/[\p{Cc}\p{Cf}\s]+/gu, " ")
    .trim();
}
