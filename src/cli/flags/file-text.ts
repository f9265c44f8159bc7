import { resolve } from "node:path";
import { AppError } from "../../errors.ts";
import type { Context } from "../core/context.ts";

/**
 * What `--ca-cert FILE` stands for: the text of a file as it is, or of standard input where FILE is `-`.
 *
 * @throws AppError `usage` when it cannot be read or has nothing in it
 */
export async function fileText(
  path: string,
  { cwd, terminal }: Pick<Context, "cwd" | "terminal">,
): Promise<string> {
  const text = path === "-" ? await terminal.readStdin() : await textOf(path, cwd);
  if (text.trim() === "")
    throw new AppError("usage", `${path === "-" ? "standard input" : path} has nothing in it`);
  return text;
}

/** The text of a file; `path` is taken from `cwd`. Throws AppError `usage` that says why it cannot be read. */
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
