import { resolve } from "node:path";
import { AppError } from "../../errors.ts";
import { systemReason } from "../../system-errors.ts";

type Code = "usage" | "invalid_request";

/** Reads a text file. `path` is relative to `cwd`. Throws AppError of the given code with the reason. */
export async function readTextFile(path: string, cwd: string, code: Code): Promise<string> {
  try {
    return await Bun.file(resolve(cwd, path)).text();
  } catch (cause) {
    throw unreadable(path, cause, code);
  }
}

/** The error for a file or folder that cannot be read. */
export function unreadable(path: string, cause: unknown, code: Code): AppError {
  const { code: systemCode, text = "not readable" } = systemReason(cause) ?? {};
  const reason = systemCode === "ENOENT" ? "no such file" : text;
  return new AppError(code, `cannot read ${path}: ${reason}`, { cause });
}
