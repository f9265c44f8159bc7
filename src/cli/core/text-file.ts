import { resolve } from "node:path";
import { AppError } from "../../errors.ts";

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
  const reason = reasons[(cause as { code?: string }).code ?? ""] ?? "not readable";
  return new AppError(code, `cannot read ${path}: ${reason}`, { cause });
}

const reasons: Record<string, string> = {
  ENOENT: "no such file",
  EISDIR: "it is a folder",
  EACCES: "permission denied",
};
