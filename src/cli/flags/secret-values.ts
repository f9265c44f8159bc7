import { AppError } from "../../errors.ts";
import { headerFault } from "../../wire/header-value.ts";
import type { Context } from "../core/context.ts";
import { readExactText } from "../core/text-file.ts";
import { withoutLineEnd } from "../terminal/line-end.ts";
import { pairOf } from "./parse-values.ts";

type Source = Pick<Context, "cwd" | "terminal">;

/**
 * Reads secret values: `K=v`, `K=@file`, or `K=-` for standard input, so that the value is in no shell history. On a
 * terminal `K=-` asks, and shows nothing of the answer.
 *
 * @throws AppError `usage` that never contains a value
 */
export async function secretValues(
  texts: readonly string[],
  source: Source,
): Promise<Record<string, string>> {
  const pairs = texts.map((one) => pairOf(one, "--data takes KEY=VALUE"));
  if (!source.terminal.inIsTerminal && pairs.filter(([, value]) => value === "-").length > 1)
    throw new AppError("usage", "standard input can be read only once: use - for one key");
  const values: Record<string, string> = {};
  for (const [key, text] of pairs) {
    if (Object.hasOwn(values, key)) throw new AppError("usage", `the key ${key} is given twice`);
    const value = await secretValue(key, text, source);
    Object.defineProperty(values, key, { value, enumerable: true });
  }
  return values;
}

/** Reads one value. A line break at the end of a file or of standard input is removed, with a note (T15). */
export async function secretValue(key: string, text: string, source: Source): Promise<string> {
  let value = text;
  if (text === "@") throw new AppError("usage", `${key}=@ needs the name of a file behind the @`);
  if (text === "-" && source.terminal.inIsTerminal)
    value = await source.terminal.prompt(`Value of ${key}: `, true);
  else if (text === "-" || text.startsWith("@")) {
    const read =
      text === "-"
        ? await source.terminal.readStdin()
        : await readExactText(text.slice(1), source.cwd, "usage");
    value = withoutLineEnd(withoutMark(read, `the value of ${key}`));
    if (value !== read) source.terminal.err(`${key}: the line break at the end was removed\n`);
  }
  if (value === "") throw new AppError("usage", `the value of ${key} is empty`);
  // Keys are sent in headers (T14).
  const fault = headerFault(value);
  if (fault !== undefined)
    throw new AppError("usage", `the value of ${key} cannot be used: ${fault}`, {
      hint: "copy the key again; encode a value that is no key, for example as base64",
    });
  return value;
}

/**
 * Throws AppError `usage` for a text that begins with a byte order mark. A secret is kept byte by byte, so the mark is not
 * cut off silently, and with it no service would accept the secret.
 */
export function withoutMark(text: string, what: string): string {
  if (!text.startsWith("\ufeff")) return text;
  throw new AppError("usage", `${what} begins with a byte order mark`, {
    hint: "save it as UTF-8 without BOM",
  });
}

/**
 * Reads one secret from standard input, without its last line break; on a terminal it asks, and shows nothing of the
 * answer.
 *
 * @param what of an error, such as "the password"
 */
export async function secretInput(
  question: string,
  what: string,
  terminal: Context["terminal"],
): Promise<string> {
  if (terminal.inIsTerminal) return terminal.prompt(question, true);
  return withoutLineEnd(withoutMark(await terminal.readStdin(), what));
}

/** Reads a new password: asks twice on a terminal, otherwise reads standard input without its last line break. */
export async function newPassword(name: string, terminal: Context["terminal"]): Promise<string> {
  const password = await secretInput(`Password for ${name}: `, "the password", terminal);
  if (terminal.inIsTerminal && password !== (await terminal.prompt("Repeat the password: ", true)))
    throw new AppError("usage", "the two passwords differ; nothing was sent");
  return password;
}
