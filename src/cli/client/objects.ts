import { AppError } from "../../errors.ts";
import type { KindInfo, Resource } from "../../kinds/define.ts";
import { isId, isName, nearest } from "../../kinds/names.ts";
import { unexpectedAnswer } from "./answer-text.ts";
import { listOf, objectOf } from "./answers.ts";
import type { ApiClient } from "./client.ts";

/** The server that is asked, and the project that `-p` names. */
interface Scope {
  client(): Promise<ApiClient>;
  flags: { project: string | undefined };
}

/** Returns the objects of a kind that the caller may see; of a kind with projects only those of `-p`. */
export async function listObjects(kind: KindInfo, scope: Scope): Promise<Resource[]> {
  const client = await scope.client();
  const objects = await client.call("GET", `/api/v1/${kind.plural}`, { answer: listOf(kind) });
  return objects.filter((object) => isInScope(kind, object, scope));
}

/** Returns one object. Throws AppError `not_found` that suggests the nearest name. */
export async function getObject(kind: KindInfo, name: string, scope: Scope): Promise<Resource> {
  const client = await scope.client();
  try {
    const options = { query: scopeQuery(kind, scope), answer: objectOf(kind) };
    const object = await client.call("GET", objectPath(kind, name), options);
    if (object.name !== name && object.id !== name) throw unexpectedAnswer("it is another object");
    return object;
  } catch (error) {
    throw await withNearestName(error, kind, name, client);
  }
}

/** Throws AppError `not_found`, with the nearest name, if there is no such object. Passes where the caller may not view it. */
export async function assertExists(kind: KindInfo, name: string, scope: Scope): Promise<void> {
  await getObject(kind, name, scope).catch((error: unknown) => {
    if (!(error instanceof AppError) || error.code !== "forbidden") throw error;
  });
}

/**
 * The path of one object in the API.
 *
 * @throws AppError `not_found` for a word that can be neither a name nor an id: `..` would lead elsewhere
 */
export function objectPath(kind: KindInfo, name: string): string {
  if (!isName(name) && !isId(name)) throw notFound(kind, name);
  return `/api/v1/${kind.plural}/${name}`;
}

/** The query with the project of a scoped name. */
export function scopeQuery(
  { scopedBy }: KindInfo,
  { flags }: Pick<Scope, "flags">,
): Record<string, string | undefined> {
  return scopedBy === "project" ? { project: flags.project } : {};
}

/** True if no project was asked for, if the kind has none, or if the object is in it. */
export function isInScope(kind: KindInfo, object: Resource, scope: Pick<Scope, "flags">): boolean {
  const wanted = Object.entries(scopeQuery(kind, scope));
  return wanted.every(([field, value]) => value === undefined || object[field] === value);
}

/** An error about one object in the words of the command line, with the nearest name there is. */
export async function withNearestName(
  error: unknown,
  kind: KindInfo,
  name: string,
  client: ApiClient,
): Promise<unknown> {
  if (!(error instanceof AppError) || error.code !== "not_found") return error;
  const names = await client
    .call("GET", `/api/v1/${kind.plural}`, { answer: listOf(kind) })
    .then((objects) => objects.map((object) => object.name))
    .catch((): string[] => []);
  // The object exists: something else was not found.
  return names.includes(name) ? error : notFound(kind, name, nearest(name, names), error);
}

function notFound(kind: KindInfo, name: string, near?: string, cause?: AppError): AppError {
  const list = `Run: mcpctl get ${kind.plural}`;
  return new AppError("not_found", `${kind.kind} "${name}" not found`, {
    hint: near === undefined ? list : `did you mean "${near}"? ${list}`,
    ...(cause?.requestId !== undefined && { requestId: cause.requestId }),
  });
}
