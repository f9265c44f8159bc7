import { resolve } from "node:path";
import { AppError } from "../../errors.ts";
import { systemReason } from "../../system-errors.ts";
import { withoutByteOrderMark } from "../../wire/text.ts";
import { exactText } from "../terminal/exact-text.ts";

/** Reads a text file without its byte order mark. Throws as `readExactText` does. */
export async function readTextFile(
  path: string,
  cwd: string,
  code: "usage" | "invalid_request",
): Promise<string> {
  return withoutByteOrderMark(await readExactText(path, cwd, code));
}

/**
 * Reads a text file as it is, with the byte order mark that it may begin with.
 *
 * @param path relative to `cwd`
 * @throws AppError of the given code, with the reason, if it cannot be read or is not UTF-8
 */
export async function readExactText(
  path: string,
  cwd: string,
  code: "usage" | "invalid_request",
): Promise<string> {
  let bytes: Uint8Array;
  try {
    bytes = await Bun.file(resolve(cwd, path)).bytes();
  } catch (cause) {
    throw unreadable(path, cause, code);
  }
  return exactText(bytes, path, code);
}

/** The error for a file or folder that cannot be read. */
export function unreadable(path: string, cause: unknown, code: "usage" | "invalid_request"): AppError {
  const { code: systemCode, text = "not readable" } = systemReason(cause) ?? {};
  const reason = systemCode === "ENOENT" ? "no such file" : text;
  return new AppError(code, `cannot read ${path}: ${reason}`, { cause });
}
