import { parseArgs } from "node:util";
import { AppError } from "../../errors.ts";
import { didYouMean, nearest } from "../../kinds/names.ts";
import type { Arg, Args, Value } from "./command.ts";

/** The error for words after a verb that are missing or too many. The verb's usage line explains it. */
export class WordsError extends AppError {}

/** The flags as they were typed, by the names of their arguments: `role-binding` may be `bind`. */
const typedNames = new WeakMap<object, ReadonlyMap<string, string>>();

/** Returns the name under which a flag was typed: its own, or an alias. @param values what `parse` has returned */
export function typedName(values: object, name: string): string {
  return typedNames.get(values)?.get(name) ?? name;
}

/** The index of the first word that is no flag, or undefined. Values of the flags in `args` do not count as words. */
export function firstWord(argv: readonly string[], args: Args): number | undefined {
  const first = tokensOf(argv, args).find((token) => token.kind === "positional");
  return first?.index;
}

/** The words that are no flags, as far as the flags in `args` tell. */
export function wordsOf(argv: readonly string[], args: Args): string[] {
  return tokensOf(argv, args).flatMap((token) => (token.kind === "positional" ? [token.value] : []));
}

/** The flags of `args` that were given, by their own names. Unknown flags and missing values are ignored. */
export function flagsIn(argv: readonly string[], args: Args): Record<string, Value> {
  const names = byWrittenName(args);
  const found: Record<string, Value> = {};
  for (const token of tokensOf(argv, args)) {
    const name = token.kind === "option" ? names.get(token.name) : undefined;
    if (name === undefined || token.kind !== "option") continue;
    if (args[name]!.type === "boolean") found[name] = true;
    else if (token.value !== undefined) found[name] = valueIn(token, token.value);
  }
  return found;
}

/**
 * Parses the words after a verb.
 *
 * @returns every argument by its own name, also if an alias was typed
 * @throws AppError `usage` that names the flag and suggests the nearest known one
 */
export function parse(argv: readonly string[], args: Args): Record<string, Value> {
  const names = byWrittenName(args);
  const values: Record<string, Value> = {};
  const typed = new Map<string, string>();
  const words: string[] = [];
  for (const token of tokensOf(argv, args)) {
    if (token.kind === "positional") words.push(token.value);
    if (token.kind !== "option") continue;
    const name = names.get(token.name);
    if (name === undefined) throw unknownFlag(token.rawName, names.keys());
    const arg = args[name]!;
    const value = readValue(token, arg, names);
    if (token.name.length > 1) typed.set(name, token.name);
    if (arg.multiple) values[name] = [...((values[name] as string[] | undefined) ?? []), value as string];
    else values[name] = value;
  }
  assignWords(words, args, values);
  typedNames.set(values, typed);
  for (const [name, arg] of Object.entries(args)) {
    if (values[name] !== undefined) continue;
    if (arg.multiple && arg.required !== true) values[name] = [];
    else if (arg.default !== undefined) values[name] = arg.default as Value;
    else if (arg.type === "boolean") values[name] = false;
    if (arg.required === true && values[name] === undefined)
      throw new AppError("usage", `${written(name)} is missing`);
  }
  return values;
}

/** A flag as it is typed: `--output`, `-w`. */
export function written(name: string): string {
  return name.length === 1 ? `-${name}` : `--${name}`;
}

/** An argument's other names. */
export function aliasesOf(arg: Arg): string[] {
  return "alias" in arg && arg.alias !== undefined ? [arg.alias].flat() : [];
}

function isPositional(arg: Arg): boolean {
  return arg.type === "positional";
}

function byWrittenName(args: Args): Map<string, string> {
  const names = new Map<string, string>();
  for (const [name, arg] of Object.entries(args)) {
    if (isPositional(arg)) continue;
    for (const word of [name, ...aliasesOf(arg)]) names.set(word, name);
  }
  return names;
}

/** Tokens by the rules of `node:util`. Not `strict`: its messages do not suggest anything. */
function tokensOf(argv: readonly string[], args: Args) {
  const options: Record<string, { type: "boolean" | "string"; short?: string }> = {};
  for (const [word, name] of byWrittenName(args)) {
    const type = args[name]!.type === "boolean" ? "boolean" : "string";
    options[word] = word.length === 1 ? { type, short: word } : { type };
  }
  return parseArgs({ args: [...argv], options, strict: false, allowPositionals: true, tokens: true }).tokens;
}

type OptionToken = Extract<ReturnType<typeof tokensOf>[number], { kind: "option" }>;

/**
 * The error for a value that is not there. Scripts write one as `"$NAME"`, and files of Docker Compose as `${NAME:-}`,
 * with a variable that is not set.
 */
function isEmpty(name: string): AppError {
  const instead = name.startsWith("-") ? `, or leave out ${name}` : "";
  return new AppError("usage", `${name} is empty`, {
    hint: `if it comes from a variable, set that variable${instead}`,
  });
}

/** The value of a flag. Of `-o=json` node keeps the sign as part of it. */
function valueIn({ rawName, inlineValue }: OptionToken, value: string): string {
  return inlineValue && !rawName.startsWith("--") ? value.replace(/^=/, "") : value;
}

function readValue(token: OptionToken, arg: Arg, names: ReadonlyMap<string, string>): string | boolean {
  const { rawName, inlineValue } = token;
  if (arg.type === "boolean") {
    if (inlineValue) throw new AppError("usage", `${rawName} takes no value`);
    return true;
  }
  if (token.value === undefined) throw new AppError("usage", `${rawName} needs a value`);
  const value = valueIn(token, token.value);
  if (value === "" && !arg.empty) throw isEmpty(rawName);
  const [flag] = value.split("=");
  if (!inlineValue && /^--?[a-zA-Z]/.test(value) && names.has(flag!.replace(/^--?/, "")))
    throw new AppError("usage", `${rawName} needs a value, and ${flag} is a flag`, {
      hint: `if that is the value, write ${rawName}${rawName.startsWith("--") ? "=" : ""}${value}`,
    });
  checkOption(rawName, value, arg);
  return value;
}

function checkOption(name: string, value: string, { options }: Arg): void {
  if (!options || options.includes(value)) return;
  const hint = didYouMean(value, options);
  throw new AppError("usage", `${name} must be ${choice(options)}, not "${value}"`, {
    ...(hint && { hint }),
  });
}

/** `fast or heavy`, `one of bash, zsh, fish` */
export function choice(options: readonly string[]): string {
  return options.length > 2 ? `one of ${options.join(", ")}` : options.join(" or ");
}

function unknownFlag(rawName: string, known: Iterable<string>): AppError {
  const typed = rawName.slice(2);
  // A verb without it may not be tried as if it had it.
  if (typed === "dry-run")
    return new AppError("usage", "--dry-run is not possible with this verb", {
      hint: "it cannot try a change without making it; nothing was done",
    });
  const names = [...known].filter((name) => name.length > 1);
  const near = rawName.startsWith("--")
    ? (nearest(typed, names) ??
      names.find((name) => name.startsWith(typed) || (name.length > 2 && typed.startsWith(name))))
    : undefined;
  return new AppError("usage", `unknown flag ${rawName}`, {
    ...(near && { hint: `did you mean --${near}?` }),
  });
}

/** Assigns the words to the positionals in their order. The last one may take all the rest. */
function assignWords(words: string[], args: Args, values: Record<string, Value>): void {
  for (const [name, arg] of Object.entries(args).filter(([, arg]) => isPositional(arg))) {
    const taken = arg.multiple ? words.splice(0) : words.splice(0, 1);
    for (const word of taken) {
      if (word === "" && !arg.empty) throw isEmpty(arg.valueHint ?? name.toUpperCase());
      checkOption(name.toUpperCase(), word, arg);
    }
    if (taken.length > 0) values[name] = arg.multiple ? taken : taken[0];
    else if (arg.required !== false && arg.default === undefined)
      throw new WordsError("usage", `${arg.valueHint ?? name.toUpperCase()} is missing`);
  }
  if (words[0] === "")
    throw new AppError("usage", "an argument too many is empty", {
      hint: "if it comes from a variable, set that variable, or leave the argument out",
    });
  if (words.length > 0) throw new WordsError("usage", `unexpected argument "${words[0]}"`);
}
