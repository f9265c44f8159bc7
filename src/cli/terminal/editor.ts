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

/** Signals that a terminal sends to the editor, and to this process, which waits for it. */
const ofTerminal = ["SIGINT", "SIGQUIT"] as const;

/** The status of a program that Ctrl-C has ended. */
const interruptedStatus = 130;

/**
 * Leaves the keys that end programs to the editor: in vi Ctrl-C ends a mode, and this process must outlive that.
 *
 * @returns takes them back
 */
function leaveToEditor(): () => void {
  const nothing = () => {};
  const before = ofTerminal.map((signal) => [signal, process.rawListeners(signal)] as const);
  for (const [signal, listeners] of before) {
    process.on(signal, nothing);
    for (const one of listeners) process.off(signal, one as NodeJS.SignalsListener);
  }
  return () => {
    for (const [signal, listeners] of before) {
      for (const one of listeners) process.on(signal, one as NodeJS.SignalsListener);
      process.off(signal, nothing);
    }
  };
}

/**
 * Opens a file in the editor and returns when it is closed. Ctrl-C is the editor's meanwhile.
 *
 * @throws AppError if the editor cannot run or fails; `interrupted` if Ctrl-C ended it
 */
export async function openEditor(
  file: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<void> {
  const command = env["EDITOR"] || env["VISUAL"] || "vi";
  const words = editorWords(command);
  const hint = "set EDITOR to the editor you use";
  let status: number;
  const takeBack = leaveToEditor();
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
  } finally {
    takeBack();
  }
  if (status === interruptedStatus) throw new AppError("interrupted", "interrupted");
  if (status !== 0)
    throw new AppError("invalid_request", `the editor "${command}" exited with ${status}`, { hint });
}
