import { request } from "./client.ts";
import type { ApiObject } from "./lists.ts";

/** A kind, as far as the page reads its descriptor. */
export interface ShownKind {
  kind: string;
  plural: string;
  scopedBy?: string;
  writeOnly: string[];
  exported: string[];
  fields: {
    properties: Record<string, { default?: unknown; description?: string; anyOf?: { const?: string }[] }>;
  };
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
