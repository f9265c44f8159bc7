import { type TObject, type TSchema, Type } from "@sinclair/typebox";
import { AppError } from "../../errors.ts";
import type { Kind, KindInfo } from "../../kinds/define.ts";
import { findKind, kindOf, kinds, kindWords } from "../../kinds/index.ts";
import { didYouMean, isName } from "../../kinds/names.ts";
import { isUnexpectedAnswer } from "../client/answer-text.ts";
import { getObject } from "../client/objects.ts";
import type { Context } from "../core/context.ts";
import { reportWords } from "./index.ts";
import { parseKindName } from "./kind-name.ts";

/** A kind, and names of its objects. No names stands for all of them. */
export interface Target {
  kind: KindInfo;
  names: string[];
}

/** The kind that a word names. Throws AppError `usage` that suggests the nearest one. */
export function kindNamed(word: string): Kind {
  const kind = findKind(word);
  if (!kind) throw unknownKind(word);
  return kind;
}

/** The kind that a word names; the server is asked for one that is not known here. Throws AppError `usage`. */
export async function resolveKind(
  word: string,
  context: Context,
  others: readonly KindInfo[] = [],
): Promise<KindInfo> {
  const own = findKind(word) ?? others.find((kind) => answersTo(kind, word));
  const kind = own ?? (await serverKinds(context)).find((kind) => answersTo(kind, word));
  if (!kind) throw unknownKind(word, ["all"]);
  return kind;
}

/**
 * The one object that `llm claude …` or `llm/claude …` names, and the words after it.
 *
 * @throws AppError `usage` if there is no name or no such kind
 */
export function resolveObject(words: readonly string[]): {
  kind: Kind;
  name: string;
  rest: readonly string[];
} {
  const [first = "", ...others] = words;
  const parts = parseKindName(first);
  const kind = kindNamed(parts.kind);
  if (parts.name !== undefined) return { kind, name: parts.name, rest: others };
  const [name, ...rest] = others;
  if (name === undefined) throw new AppError("usage", `the name of the ${kind.kind} is missing`);
  return { kind, name, rest };
}

/**
 * The kinds and objects that `KIND NAME...`, `KIND/NAME...`, `KIND,KIND` or `all` stand for.
 *
 * @param words what was typed, at least one word
 * @param others things besides kinds that may be meant
 * @throws AppError `usage`; `not_found` if there is no project of the name after `-p`
 */
export async function resolveTargets(
  words: readonly string[],
  context: Context,
  others: readonly KindInfo[] = [],
): Promise<Target[]> {
  await assertProject(context);
  const [first = "", ...names] = words;
  if (words.some((word) => word.includes("/"))) return resolvePairs(words, context, others);
  if (first === "all" && names.length === 0) {
    const remote = await serverKinds(context);
    return (remote.length > 0 ? remote : kinds).map((kind) => ({ kind, names: [] }));
  }
  const found = await Promise.all(first.split(",").map((word) => resolveKind(word, context, others)));
  if (found.length > 1 && names.length > 0)
    throw new AppError("usage", "names go with one kind", { hint: "or write llm/claude secret/anthropic" });
  return found.map((kind) => ({ kind, names: [...new Set(names)] }));
}

/** Throws AppError `not_found` if `-p` names a project that does not exist, with the nearest name. */
async function assertProject(context: Context): Promise<void> {
  const { project } = context.flags;
  if (project === undefined) return;
  try {
    await getObject(kindOf("project"), project, context);
  } catch (error) {
    // Who may use a project need not be allowed to view it.
    if (!(error instanceof AppError) || error.code !== "forbidden") throw error;
  }
}

/** `llm/claude secret/anthropic llm/gpt`: one target for each kind, in the order of its first name. */
async function resolvePairs(
  words: readonly string[],
  context: Context,
  others: readonly KindInfo[],
): Promise<Target[]> {
  const targets: Target[] = [];
  for (const word of words) {
    const { kind: kindWord, name } = parseKindName(word);
    if (name === undefined)
      throw new AppError("usage", `"${word}" is not KIND/NAME, but another word has a slash`, {
        hint: "write KIND NAME..., or KIND/NAME for each object",
      });
    const kind = await resolveKind(kindWord, context, others);
    const same = targets.find((target) => target.kind.kind === kind.kind);
    if (same) same.names.push(name);
    else targets.push({ kind, names: [name] });
  }
  return targets;
}

/** The error for a word that names no kind. `others` are words that may stand there besides. */
export function unknownKind(word: string, others: readonly string[] = []): AppError {
  if (reportWords.includes(word))
    return new AppError("usage", `"${word}" is no kind of objects: it is a list of its own`, {
      hint: `write: mcpctl get ${word}`,
    });
  return new AppError("usage", `unknown kind "${word}"`, {
    hint:
      placeOf(word) ??
      didYouMean(word, [...kindWords(), ...others]) ??
      // Often it is the name of an object.
      `${isName(word) ? `an object is named with its kind: KIND/${word}; ` : ""}to see all kinds: mcpctl explain`,
  });
}

/** The verbs for things that are no kind, or have another name here. */
const places: Readonly<Record<string, string>> = {
  model: "a model is an llm: mcpctl get llms",
  provider: "the provider is part of an llm: mcpctl get llms; those of this machine: mcpctl provider",
  key: "keys are in secrets: mcpctl get secrets",
  role: "rights are given by rbac objects: mcpctl get rbac, or mcpctl auth can-i --list",
  permission: "rights are given by rbac objects: mcpctl get rbac, or mcpctl auth can-i --list",
  limit:
    "limits are fields of users, groups and tokens: mcpctl explain user.limits; to see them used: mcpctl get usage",
  quota: "quotas are a field of users: mcpctl explain user.quotas",
  event: "the events are in the audit log: mcpctl audit",
  context: "contexts are in the config of this machine: mcpctl config get-contexts",
  pool: "a pool is a name that llms share: mcpctl get llms -o wide",
  backup: "backups are files: mcpctl backup --help",
};

/** Returns the hint for a word of `places`, in the singular or plural. */
function placeOf(word: string): string | undefined {
  const singular = word.toLowerCase().replace(/s$/, "");
  return Object.hasOwn(places, singular) ? places[singular] : undefined;
}

/** The kinds of the server, with the names of their fields; empty if it does not respond. */
export async function serverKinds(context: Context): Promise<KindInfo[]> {
  return (await remoteKinds(context)).map(plainKind);
}

/**
 * The kinds of the server with their schemas, in whatever form it writes them; empty if it does not respond: an error about
 * the word is then more useful than one about the server.
 */
export async function remoteKinds(context: Context): Promise<KindInfo[]> {
  const { kindInfos } = await import("../client/kind-answers.ts");
  try {
    return await (await context.client()).call("GET", "/api/v1/kinds", { answer: kindInfos });
  } catch (error) {
    if (isUnexpectedAnswer(error)) throw error;
    return [];
  }
}

/**
 * A kind of the server, with what an older one does not say: all writes are allowed. Of its schemas only the names and
 * the defaults are kept, so that nothing here depends on their form.
 */
function plainKind(kind: KindInfo): KindInfo {
  const { writes = ["create", "update", "delete"], exported = [], volatile = [], immutable = [] } = kind;
  const plain = (schema: TObject) => Type.Object(mapValues(schema.properties, defaultOnly));
  const [fields, readOnly] = [plain(kind.fields), plain(kind.readOnly)];
  return { ...kind, writes, exported, volatile, immutable, fields, readOnly };
}

function defaultOnly(schema: TSchema): TSchema {
  return Type.Unknown("default" in schema ? { default: schema.default } : {});
}

function mapValues<T, R>(values: Readonly<Record<string, T>>, of: (value: T) => R): Record<string, R> {
  return Object.fromEntries(Object.entries(values).map(([key, value]) => [key, of(value)]));
}

function answersTo(kind: KindInfo, word: string): boolean {
  return [kind.kind, kind.plural, ...kind.short].includes(word.toLowerCase());
}
