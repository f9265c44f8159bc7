import { AppError } from "../../errors.ts";
import { withoutByteOrderMark } from "../../wire/text.ts";
import type { Context } from "../core/context.ts";
import { readTextFile } from "../core/text-file.ts";

/**
 * Reads the file of a flag such as `--ca-cert FILE`; `-` is standard input.
 *
 * @throws AppError `usage` if it cannot be read or is empty
 */
export async function fileText(
  path: string,
  { cwd, terminal }: Pick<Context, "cwd" | "terminal">,
): Promise<string> {
  const text =
    path === "-" ? withoutByteOrderMark(await terminal.readStdin()) : await readTextFile(path, cwd, "usage");
  if (text.trim() === "") throw new AppError("usage", `${path === "-" ? "standard input" : path} is empty`);
  return text;
}
