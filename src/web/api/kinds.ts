import { useEffect, useState } from "preact/hooks";
import { request } from "./client.ts";
import type { ApiObject } from "./lists.ts";
import type { FieldSchema } from "./schema.ts";

/** A kind, as far as the page reads its descriptor. */
export interface ShownKind {
  kind: string;
  plural: string;
  scopedBy?: string;
  partOf?: string;
  writeOnly: string[];
  immutable: string[];
  fields: FieldSchema & { properties: Record<string, FieldSchema> };
  flags: Record<string, { field: string; parse?: string; names?: string }>;
}

let all: Promise<ShownKind[]> | undefined;

/** Returns the kinds of the server, which are read once. */
export function readKinds(): Promise<ShownKind[]> {
  all ??= request<ShownKind[]>("/api/v1/kinds");
  all.catch(() => {
    all = undefined;
  });
  return all;
}

/** Returns one kind by its name; undefined before it is loaded. */
export function useShownKind(name: string): ShownKind | undefined {
  const [kind, setKind] = useState<ShownKind>();
  useEffect(() => {
    readKinds().then(
      (kinds) => setKind(kinds.find((one) => one.kind === name)),
      () => {},
    );
  }, [name]);
  return kind;
}

/** Returns an object as a manifest that `mcpctl apply` takes: what users set, without what is the default. */
export function manifestOf(
  { kind, fields, writeOnly }: ShownKind,
  object: ApiObject,
): Record<string, unknown> {
  const set = Object.entries(fields.properties).filter(([name, schema]) => {
    const value = object[name];
    const isDefault = JSON.stringify(value) === JSON.stringify(schema.default ?? null);
    return value !== undefined && value !== null && !isDefault && !writeOnly.includes(name);
  });
  return { kind, name: object.name, ...Object.fromEntries(set.map(([name]) => [name, object[name]])) };
}
