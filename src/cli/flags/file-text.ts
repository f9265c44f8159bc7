import { resolve } from "node:path";
import { AppError } from "../../errors.ts";
import type { Context } from "../core/context.ts";

/**
 * Reads the file of a flag such as `--ca-cert FILE`; `-` is standard input.
 *
 * @throws AppError `usage` if it cannot be read or is empty
 */
export async function fileText(
  path: string,
  { cwd, terminal }: Pick<Context, "cwd" | "terminal">,
): Promise<string> {
  const text = path === "-" ? await terminal.readStdin() : await textOf(path, cwd);
  if (text.trim() === "") throw new AppError("usage", `${path === "-" ? "standard input" : path} is empty`);
  return text;
}

/** Reads a text file. `path` is relative to `cwd`. Throws AppError `usage` with the reason if it cannot be read. */
export async function textOf(path: string, cwd: string): Promise<string> {
  try {
    return await Bun.file(resolve(cwd, path)).text();
  } catch (cause) {
    const reason = reasons[(cause as { code?: string }).code ?? ""];
    throw new AppError("usage", `cannot read ${path}${reason === undefined ? "" : `: ${reason}`}`, { cause });
  }
}

const reasons: Record<string, string> = {
  ENOENT: "no such file",
  EISDIR: "it is a folder",
  EACCES: "permission denied",
};
