import { AppError } from "../../errors.ts";
import type { Context } from "../core/context.ts";
import { textOf } from "./file-text.ts";
import { pairOf } from "./texts.ts";

type Source = Pick<Context, "cwd" | "terminal">;

/**
 * Secret values: `K=v`, `K=@file`, and `K=-`, which reads standard input, so that the value is in no shell history.
 *
 * @throws AppError `usage`, which never contains a value
 */
export async function secretValues(
  texts: readonly string[],
  source: Source,
): Promise<Record<string, string>> {
  const pairs = texts.map(pairOf);
  if (pairs.filter(([, value]) => value === "-").length > 1)
    throw new AppError("usage", "standard input can be read only once");
  const values: Record<string, string> = {};
  for (const [key, text] of pairs) {
    if (Object.hasOwn(values, key)) throw new AppError("usage", `the key ${key} is given twice`);
    const value = await secretValue(key, text, source);
    Object.defineProperty(values, key, { value, enumerable: true });
  }
  return values;
}

/** One such value. A line break at the end of a file or of standard input is taken off, and that is told (T15). */
export async function secretValue(key: string, text: string, source: Source): Promise<string> {
  let value = text;
  if (text === "-" || text.startsWith("@")) {
    const read = text === "-" ? await source.terminal.readStdin() : await textOf(text.slice(1), source.cwd);
    value = read.replace(/\r?\n$/, "");
    if (value !== read) source.terminal.err(`${key}: the line break at its end was left out\n`);
  }
  if (value === "") throw new AppError("usage", `the value of ${key} is empty`);
  // In a header, which is where most keys end up, these would begin a new line (T14).
  if (/[\r\n\0]/.test(value))
    throw new AppError("usage", `the value of ${key} contains a line break or a NUL`, {
      hint: "encode it, for example as base64, if it is meant to",
    });
  return value;
}

/** A new password: asked for twice where there is a person to ask, else standard input without its last line break. */
export async function newPassword(name: string, terminal: Context["terminal"]): Promise<string> {
  if (!terminal.inIsTerminal) return (await terminal.readStdin()).replace(/\r?\n$/, "");
  const password = await terminal.prompt(`Password for ${name}: `, true);
  if (password !== (await terminal.prompt("Again: ", true)))
    throw new AppError("usage", "the two are not the same");
  return password;
}
