import { AppError } from "../../errors.ts";
import type { Kind, Resource } from "../../kinds/define.ts";
import type { ApiClient } from "../client/client.ts";
import { objectPath } from "../client/objects.ts";
import { isRequired } from "../flags/schema.ts";
import { extensionOf } from "../kinds/index.ts";
import type { Manifest } from "./manifest.ts";

/** What became of an object; in a dry run, what would. */
export interface Outcome {
  result: "created" | "configured" | "unchanged";
  /** As the server answered; undefined in a dry run of a create. */
  object: Resource | undefined;
  /** The names of the fields that were sent for a change. */
  changed: string[];
}

/**
 * Makes the server's object what a manifest says, with no write when it is that already. Fields the manifest does not
 * name stay as they are.
 */
export async function reconcile(
  client: ApiClient,
  manifest: Manifest,
  { dryRun = false, query = {} }: { dryRun?: boolean; query?: Record<string, string> } = {},
): Promise<Outcome> {
  const live = await findLive(client, manifest);
  if (!live) {
    refuseWithoutValues(manifest);
    const object = dryRun ? undefined : await createObject(client, manifest, query);
    return { result: "created", object, changed: [] };
  }
  const changes = await changesTo(manifest.kind, live, manifest.fields);
  const changed = Object.keys(changes);
  if (changed.length === 0) return { result: "unchanged", object: live, changed };
  if (dryRun) return { result: "configured", object: live, changed };
  // What cannot be compared here, a secret's values, the server compares: nothing changed, no new version.
  const object = await client.call<Resource>("PUT", objectPath(manifest.kind, live.id), { body: changes });
  return { result: object.version === live.version ? "unchanged" : "configured", object, changed };
}

/** Creates what a manifest says. `query` goes to the server as it is. Throws AppError `name_taken`. */
export function createObject(
  client: ApiClient,
  { kind, name, fields }: Manifest,
  query: Record<string, string> = {},
): Promise<Resource> {
  const given = Object.entries(fields).filter(([, value]) => value !== null);
  return client.call<Resource>("POST", `/api/v1/${kind.plural}`, {
    body: { name, ...Object.fromEntries(given) },
    query,
  });
}

/** The server's object that a manifest is about; undefined when there is none. */
export async function findLive(
  client: ApiClient,
  { kind, name, fields }: Pick<Manifest, "kind" | "name" | "fields">,
): Promise<Resource | undefined> {
  const query = kind.scopedBy ? { [kind.scopedBy]: String(fields[kind.scopedBy] ?? "") } : {};
  try {
    return await client.call<Resource>("GET", objectPath(kind, name), { query });
  } catch (error) {
    if (error instanceof AppError && error.code === "not_found") return undefined;
    throw error;
  }
}

/**
 * The fields that differ from what an object has. Those that are never shown always do; null is no difference to what
 * is not there or stands at its default.
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

/** What a field is when it was not given; null when that is nothing. */
export function defaultOf(kind: Kind, field: string): unknown {
  return kind.fields.properties[field]?.default ?? null;
}

/** An export has no values in it: good enough for what exists, not for making it anew. */
function refuseWithoutValues({ kind, name, fields }: Manifest): void {
  const missing = kind.writeOnly.filter((field) => isRequired(kind.fields, field) && !(field in fields));
  if (missing.length === 0) return;
  throw new AppError(
    "not_found",
    `there is no ${kind.kind} "${name}" yet, and its ${missing.join(", ")} is not given`,
    {
      hint: `values are never exported: add ${missing.join(", ")}, or run mcpctl create ${kind.kind} ${name}`,
    },
  );
}
