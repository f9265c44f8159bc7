import type { Kind, WriteOperation } from "../../../kinds/define.ts";
import { findKind, kinds } from "../../../kinds/index.ts";
import { allowsWrite } from "../../../kinds/writes.ts";
import { readConfig } from "../../client/config.ts";
import { taskKind } from "../../client/task-answers.ts";
import type { Arg, Args, Commands, CommandVerb } from "../../core/command.ts";
import type { Context } from "../../core/context.ts";
import { globalArgs } from "../../core/globals.ts";
import { aliasesOf, firstWord, wordsOf } from "../../core/parse.ts";
import { splitKindName } from "../../kinds/kind-name.ts";
import { liveNames } from "./live-names.ts";
import {
  conditionWords,
  fieldPaths,
  fieldWords,
  grantWords,
  type NamesOf,
  subjectWords,
} from "./value-sets.ts";

/** A word that may be typed, with the text that a shell shows beside it. */
export interface Candidate {
  value: string;
  about?: string;
}

/**
 * The words that may complete the last one.
 *
 * @param words the words after `mcpctl` up to the cursor; the last one, perhaps empty, is being typed
 */
export async function candidates(
  words: readonly string[],
  context: Context,
  commands: Commands,
): Promise<Candidate[]> {
  const current = words.at(-1) ?? "";
  const all = await complete({ typed: words.slice(0, -1), current, context, commands });
  const seen = new Set<string>();
  return all.filter(({ value }) => value.startsWith(current) && !seen.has(value) && seen.add(value));
}

interface Situation {
  /** The words before the one that is being typed. */
  typed: readonly string[];
  current: string;
  context: Context;
  /** Every verb there is. */
  commands: Commands;
  /** The write that the verb asks for: kinds that do not allow it are not offered. */
  writes?: WriteOperation;
}

async function complete(situation: Situation): Promise<Candidate[]> {
  const { verb, level, rest } = await walk(situation.typed, situation.commands);
  const words = wordsOf(rest, { ...globalArgs, ...verb?.args });
  const args: Args = { ...globalArgs, ...verb?.args, ...(await verb?.moreArgs?.(words, situation.context)) };
  const flag = flagBefore(rest.at(-1), args);
  if (flag) return valuesOf(flag.name, flag.arg, words, situation);
  if (situation.current.startsWith("-")) return flagsOf(args, situation, words);
  if (level) return verbsOf(level);
  const positionals = Object.entries(args).filter(([, arg]) => arg.type === "positional");
  const at = wordsOf(rest, args).length;
  const [name, arg] = positionals[Math.min(at, positionals.length - 1)] ?? [];
  if (name === undefined || (at >= positionals.length && !arg!.multiple)) return [];
  const writes = args["kind"]?.writes;
  return valuesOf(name, arg!, words, writes ? { ...situation, writes } : situation);
}

/** The verb that the words lead to. `level` is set if the next word may name another verb. */
async function walk(typed: readonly string[], commands: Commands) {
  let level: Commands | undefined = commands;
  let verb: CommandVerb | undefined;
  let rest = [...typed];
  while (level) {
    if (verb?.act && rest.length > 0 && !Object.hasOwn(level, rest[0]!)) level = undefined;
    const at = firstWord(rest, globalArgs);
    if (at === undefined || !level) break;
    verb = await level[rest[at]!]?.load();
    rest = rest.slice(at + 1);
    level = verb?.verbs;
    if (!verb) break;
  }
  return { verb, level, rest };
}

function verbsOf(level: Commands): Candidate[] {
  return Object.entries(level)
    .filter(([, entry]) => !entry.hidden)
    .map(([value, { summary }]) => ({ value, about: summary }));
}

/** The flag whose value comes next, if the last word is a flag. */
function flagBefore(word: string | undefined, args: Args): { name: string; arg: Arg } | undefined {
  const name = /^--?([^=]+)$/.exec(word ?? "")?.[1];
  for (const [own, arg] of Object.entries(args)) {
    if (arg.type === "positional" || arg.type === "boolean" || name === undefined) continue;
    if (own === name || aliasesOf(arg).includes(name)) return { name: own, arg };
  }
  return undefined;
}

async function flagsOf(args: Args, situation: Situation, words: readonly string[]): Promise<Candidate[]> {
  const [, name, value] = /^--([^=]+)=(.*)$/s.exec(situation.current) ?? [];
  if (name !== undefined && args[name]) {
    const values = await valuesOf(name, args[name], words, { ...situation, current: value! });
    return values.map((candidate) => ({ ...candidate, value: `--${name}=${candidate.value}` }));
  }
  return Object.entries(args)
    .filter(([name, arg]) => arg.type !== "positional" && name.length > 1 && !arg.hidden)
    .map(([name, arg]) => ({ value: `--${name}`, about: arg.description ?? "" }));
}

async function valuesOf(
  name: string,
  arg: Arg,
  words: readonly string[],
  situation: Situation,
): Promise<Candidate[]> {
  const { context } = situation;
  const names: NamesOf = async (kind, keys) => {
    const known = findKind(kind);
    return known ? liveNames(known, situation.typed, context, keys) : [];
  };
  const typedKind = findKind(splitKindName(words[0] ?? "").kind);
  if (arg.options) return arg.options.map((value) => ({ value }));
  const offered = arg.complete ?? name;
  if (typeof offered === "object" && "kind" in offered) return namesOf(offered.kind, [], situation);
  if (typeof offered === "object") {
    const { kind, name: begun } = splitKindName(situation.current);
    const isName = begun !== undefined && offered.includes(kind);
    return isName ? kindsOr(situation) : offered.map((value) => ({ value }));
  }
  switch (offered) {
    case "kind":
    case "kinds":
      return kindsOr(situation);
    case "name":
    case "names":
      return words[0] === undefined || splitKindName(words[0]).name !== undefined
        ? kindsOr(situation)
        : namesOf(words[0], words.slice(1), situation);
    case "context":
    case "contexts":
      return Object.entries(readConfig(context.home).contexts).map(([value, { server }]) => ({
        value,
        about: server,
      }));
    case "providers":
      return providersOf(context.home);
    case "fields":
      return plainWords(fieldWords(typedKind));
    case "conditions":
      return plainWords([...(name === "for" ? ["delete"] : []), ...conditionWords(typedKind)]);
    case "field-paths":
      return plainWords(fieldPaths(situation.current));
    case "secret-keys":
      return plainWords(await names("secret", "keys"));
    case "grants":
      return plainWords(await grantWords(situation.current, names));
    case "subjects":
    case "principals":
      return plainWords(await subjectWords(situation.current, names, offered));
    case "verbs":
      return verbsOf((await walk(words, situation.commands)).level ?? {});
    case "output":
      return outputWords((await walk(situation.typed, situation.commands)).verb);
    case "project":
      return namesOf(offered, [], situation);
    default:
      return [];
  }
}

/** The formats of `-o` that a verb prints. */
function outputWords(verb: CommandVerb | undefined): Candidate[] {
  const words = verb?.output ?? [];
  return plainWords(
    words.map((word) => (word === "jsonpath" || word === "custom-columns" ? `${word}=` : word)),
  );
}

function plainWords(words: readonly string[]): Candidate[] {
  return words.map((value) => ({ value }));
}

/** The providers in the config of this machine. */
function providersOf(home: string): Candidate[] {
  const { llm } = readConfig(home) as { llm?: { providers?: { name: string; model?: string }[] } };
  return (llm?.providers ?? []).map(({ name, model }) => ({ value: name, ...(model && { about: model }) }));
}

/** Kinds, or after `llm/` the names of llms. */
async function kindsOr(situation: Situation): Promise<Candidate[]> {
  const { kind: word, name } = splitKindName(situation.current);
  if (name === undefined)
    return kinds
      .filter((kind) => isOffered(kind, situation))
      .map(({ plural, summary }) => ({ value: plural, about: summary }));
  const names = await namesOf(word, [], situation);
  return names.map(({ value }) => ({ value: `${word}/${value}` }));
}

function isOffered(kind: Kind, { writes }: Situation): boolean {
  return writes === undefined || allowsWrite(kind, writes);
}

async function namesOf(word: string, taken: readonly string[], situation: Situation): Promise<Candidate[]> {
  const { typed, context } = situation;
  const kind = [taskKind.kind, taskKind.plural].includes(word) ? taskKind : findKind(word);
  if (!kind || !isOffered(kind, situation)) return [];
  const names = await liveNames(kind, typed, context);
  return names.filter((name) => !taken.includes(name)).map((value) => ({ value }));
}
