import { AppError } from "../../errors.ts";
import type { Kind, Resource } from "../../kinds/define.ts";
import { findKind, kinds, kindWords } from "../../kinds/index.ts";
import { isId, isName, nearest } from "../../kinds/names.ts";
import type { ApiClient } from "../client/client.ts";
import type { Context } from "../core/context.ts";

/** What is known of a kind whose descriptor may have come over the wire, where functions do not travel. */
export type KindInfo = Omit<Kind, "references">;

/** What a command line is about: a kind, and rows of it or (no names) all of them. */
export interface Target {
  kind: KindInfo;
  names: string[];
}

/** The kind a word means; one that only the server knows is asked for there. Throws AppError `usage`. */
export async function resolveKind(word: string, context: Context): Promise<KindInfo> {
  const known = findKind(word) ?? (await serverKinds(context)).find((kind) => answersTo(kind, word));
  if (known) return known;
  const near = nearest(word, [...kindWords(), "all"]);
  throw new AppError("usage", `unknown kind "${word}"`, {
    hint: near ? `did you mean "${near}"?` : `kinds: ${kinds.map((kind) => kind.plural).join(", ")}`,
  });
}

/**
 * What `KIND NAME...`, `KIND/NAME...`, `KIND,KIND` and `all` mean.
 *
 * @param words what was typed, at least one word
 * @throws AppError `usage`
 */
export async function resolveTargets(words: readonly string[], context: Context): Promise<Target[]> {
  const [first = "", ...names] = words;
  if (words.some((word) => word.includes("/"))) {
    const targets: Target[] = [];
    for (const word of words) {
      const [kindWord = "", name = "", ...more] = word.split("/");
      if (name === "" || more.length > 0)
        throw new AppError("usage", `"${word}" is not KIND/NAME`, { hint: "write llm/claude" });
      const kind = await resolveKind(kindWord, context);
      const same = targets.find((target) => target.kind.kind === kind.kind);
      if (same) same.names.push(name);
      else targets.push({ kind, names: [name] });
    }
    return targets;
  }
  if (first === "all" && names.length === 0) {
    const remote = await serverKinds(context);
    return (remote.length > 0 ? remote : kinds).map((kind) => ({ kind, names: [] }));
  }
  const found = await Promise.all(first.split(",").map((word) => resolveKind(word, context)));
  if (found.length > 1 && names.length > 0)
    throw new AppError("usage", "names go with one kind", { hint: "or write llm/claude secret/anthropic" });
  return found.map((kind) => ({ kind, names: [...new Set(names)] }));
}

/** Kinds a server has; empty when it cannot be asked, since then the word itself is the better thing to complain of. */
async function serverKinds(context: Context): Promise<KindInfo[]> {
  try {
    return await (await context.client()).call<KindInfo[]>("GET", "/api/v1/kinds");
  } catch {
    return [];
  }
}

function answersTo(kind: KindInfo, word: string): boolean {
  return [kind.kind, kind.plural, ...kind.short].includes(word.toLowerCase());
}

/** Everything of a kind that the caller may see; of one project when `-p` says so. */
export async function list(kind: KindInfo, context: Context): Promise<Resource[]> {
  const client = await context.client();
  const objects = await client.call<Resource[]>("GET", `/api/v1/${kind.plural}`);
  const { project } = context.flags;
  if (project === undefined || kind.scopedBy !== "project") return objects;
  return objects.filter((object) => object["project"] === project);
}

/** One object. Throws AppError `not_found` that suggests the nearest name. */
export async function getOne(kind: KindInfo, name: string, context: Context): Promise<Resource> {
  const client = await context.client();
  try {
    return await client.call<Resource>("GET", pathOf(kind, name), { query: scopeOf(kind, context) });
  } catch (error) {
    throw await withNearest(error, kind, name, client);
  }
}

/** The path of one object. A word that can be neither name nor id never leaves this machine: `..` would lead elsewhere. */
export function pathOf(kind: KindInfo, name: string): string {
  if (!isName(name) && !isId(name)) throw notFound(kind, name);
  return `/api/v1/${kind.plural}/${name}`;
}

/** The query that tells which project a scoped name is in. */
export function scopeOf(kind: KindInfo, context: Context): Record<string, string | undefined> {
  return kind.scopedBy === "project" ? { project: context.flags.project } : {};
}

/** An error about one object in the words of the command line, with the nearest name there is. */
export async function withNearest(
  error: unknown,
  kind: KindInfo,
  name: string,
  client: ApiClient,
): Promise<unknown> {
  if (!(error instanceof AppError) || error.code !== "not_found") return error;
  const names = await client
    .call<Resource[]>("GET", `/api/v1/${kind.plural}`)
    .then((objects) => objects.map((object) => object.name))
    .catch((): string[] => []);
  // It is there: something else was not found.
  return names.includes(name) ? error : notFound(kind, name, nearest(name, names));
}

function notFound(kind: KindInfo, name: string, near?: string): AppError {
  const list = `Run: mcpctl get ${kind.plural}`;
  return new AppError("not_found", `${kind.kind} "${name}" not found`, {
    hint: near === undefined ? list : `did you mean "${near}"? ${list}`,
  });
}
