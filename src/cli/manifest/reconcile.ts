import { AppError } from "../../errors.ts";
import type { Kind, Resource } from "../../kinds/define.ts";
import { scopeParameter } from "../../kinds/scopes.ts";
import { objectOf } from "../client/answers.ts";
import type { ApiClient } from "../client/client.ts";
import { dryRunQuery } from "../client/dry-run.ts";
import { objectPath } from "../client/objects.ts";
import { isRequired } from "../flags/schema.ts";
import { extensionOf } from "../kinds/index.ts";
import type { Manifest } from "./manifest.ts";

/** The result of applying a manifest; in a dry run, the expected result. */
export interface Outcome {
  result: "created" | "configured" | "unchanged";
  /** The object that the server has returned; undefined if it could not check it in a dry run. */
  object: Resource | undefined;
  /** In a dry run the objects that it needs and that are not there yet, so that the server could not check it. */
  needs?: string;
  /** The names of the fields that were changed. */
  changed: string[];
}

/**
 * Creates or changes the server's object so that it matches a manifest. Sends nothing if it matches already. Fields that
 * the manifest does not name stay as they are. In a dry run the server checks the write and does not do it.
 */
export async function reconcile(
  client: ApiClient,
  manifest: Manifest,
  options: { dryRun?: boolean; query?: Record<string, string> } = {},
): Promise<Outcome> {
  return reconcileWith(await findLive(client, manifest), client, manifest, options);
}

/** Does the same with the server's object, which the caller has read already; undefined if there is none. */
export async function reconcileWith(
  live: Resource | undefined,
  client: ApiClient,
  manifest: Manifest,
  { dryRun = false, query = {} }: { dryRun?: boolean; query?: Record<string, string> } = {},
): Promise<Outcome> {
  if (!live) {
    refuseWithoutValues(manifest);
    const object = await createObject(client, manifest, { ...query, ...dryRunQuery(dryRun) });
    return { result: "created", object, changed: [] };
  }
  const changes = await changesTo(manifest.kind, live, manifest.fields);
  const changed = Object.keys(changes);
  if (changed.length === 0) return { result: "unchanged", object: live, changed };
  // The server compares secret values, which are not known here: if nothing changes, the version stays.
  const object = await client.call("PUT", objectPath(manifest.kind, live.id), {
    body: changes,
    query: dryRunQuery(dryRun),
    answer: objectOf(manifest.kind),
  });
  return { result: object.version === live.version ? "unchanged" : "configured", object, changed };
}

/** Creates the object of a manifest. `query` is sent as it is. Throws AppError `name_taken`. */
export function createObject(
  client: ApiClient,
  { kind, name, fields }: Manifest,
  query: Record<string, string> = {},
): Promise<Resource> {
  const given = Object.entries(fields).filter(([, value]) => value !== null);
  return client.call("POST", `/api/v1/${kind.plural}`, {
    answer: objectOf(kind),
    body: { name, ...Object.fromEntries(given) },
    query,
  });
}

/** The server's object of a manifest; undefined if there is none. */
export async function findLive(
  client: ApiClient,
  { kind, name, fields }: Pick<Manifest, "kind" | "name" | "fields">,
): Promise<Resource | undefined> {
  const query = scopeParameter(kind, fields);
  try {
    return await client.call("GET", objectPath(kind, name), { query, answer: objectOf(kind) });
  } catch (error) {
    if (error instanceof AppError && error.code === "not_found") return undefined;
    throw error;
  }
}

/**
 * The fields whose value differs from the object's. Fields that are never shown always differ. Null does not differ
 * from a missing field or from the default.
 */
export async function changesTo(
  kind: Kind,
  live: Readonly<Record<string, unknown>>,
  fields: Readonly<Record<string, unknown>>,
): Promise<Record<string, unknown>> {
  const { asStored } = await extensionOf(kind.kind);
  const changed = Object.entries(asStored?.(live, fields) ?? fields).filter(([field, value]) => {
    if (kind.writeOnly.includes(field)) return true;
    return !Bun.deepEquals(value ?? defaultOf(kind, field), live[field] ?? defaultOf(kind, field));
  });
  return Object.fromEntries(changed);
}

/** The value of a field that was not given: its default, or null. */
export function defaultOf(kind: Kind, field: string): unknown {
  return kind.fields.properties[field]?.default ?? null;
}

/** Throws AppError `not_found` for an export without values, which can change an object and not create one. */
function refuseWithoutValues({ kind, name, fields }: Manifest): void {
  const missing = kind.writeOnly.filter((field) => isRequired(kind.fields, field) && !(field in fields));
  if (missing.length === 0) return;
  throw new AppError("not_found", `"${name}" does not exist yet, and no ${missing.join(", ")} is given`, {
    hint: `exports contain no values: add ${missing.join(", ")}, or run mcpctl create ${kind.kind} ${name}`,
  });
}
