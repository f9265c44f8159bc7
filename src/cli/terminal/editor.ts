import { AppError } from "../../errors.ts";

/**
 * The words of `$EDITOR`: split at spaces, with quotes and backslashes as a shell would take them, and nothing else a
 * shell would do.
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

/** Lets a person edit a file. Returns when they are done. Throws AppError when the editor cannot run or fails. */
export async function openEditor(
  file: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<void> {
  const command = env["EDITOR"] || env["VISUAL"] || "vi";
  const words = editorWords(command);
  const hint = "set EDITOR to the one you use";
  let status: number;
  try {
    const child = Bun.spawn([...words, file], {
      // Neither a bearer nor a password is an editor's business, nor of what it starts (T30).
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
    throw new AppError("invalid_request", `the editor "${command}" ended with ${status}`, { hint });
}
