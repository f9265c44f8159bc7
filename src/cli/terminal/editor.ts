import { AppError } from "../../errors.ts";

/**
 * Splits `$EDITOR` into words at spaces, with the quotes and backslashes of a shell. Nothing else of a shell is done.
 */
export function editorWords(command: string): string[] {
  const words: string[] = [];
  for (const [word] of command.matchAll(/(?:[^\s"'\\]|\\.|"(?:[^"\\]|\\.)*"|'[^']*')+/g))
    words.push(
      word.replace(/"((?:[^"\\]|\\.)*)"|'([^']*)'|\\(.)/g, (_, double, single, escaped) =>
        double !== undefined ? double.replace(/\\(.)/g, "$1") : (single ?? escaped),
      ),
    );
  return words;
}

/** Opens a file in the editor and returns when it is closed. Throws AppError if the editor cannot run or fails. */
export async function openEditor(
  file: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<void> {
  const command = env["EDITOR"] || env["VISUAL"] || "vi";
  const words = editorWords(command);
  const hint = "set EDITOR to the editor you use";
  let status: number;
  try {
    const child = Bun.spawn([...words, file], {
      // The editor and its children get neither the token nor the database password (T30).
      env: { ...env, MCPCTL_TOKEN: undefined, MCPCTL_DATABASE_URL: undefined },
      stdin: "inherit",
      stdout: "inherit",
      stderr: "inherit",
    });
    status = await child.exited;
  } catch (cause) {
    throw new AppError("invalid_request", `cannot start the editor "${command}"`, { cause, hint });
  }
  if (status !== 0)
    throw new AppError("invalid_request", `the editor "${command}" exited with ${status}`, { hint });
}
