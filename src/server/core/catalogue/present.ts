import type { Kind, Resource } from "../../../kinds/define.ts";
import type { Row } from "../store/types.ts";
import { hooks } from "./hooks/index.ts";
import type { View } from "./hooks.ts";

/** Returns a row as the API shows it to a reader. Rows never contain write-only fields. */
export function present(kind: Kind, row: Row, view: View): Resource {
  const object: Record<string, unknown> = { id: row.id, name: row.name };
  const hidden = hooks[kind.kind]?.hidden?.(row, view) ?? [];
  const status = hooks[kind.kind]?.status?.(row, view);
  for (const field of Object.keys(kind.fields.properties)) {
    const value = status && Object.hasOwn(status, field) ? status[field] : row.spec[field];
    if (value !== undefined && !kind.writeOnly.includes(field) && !hidden.includes(field))
      object[field] = value;
  }
  for (const field of Object.keys(kind.readOnly.properties)) {
    object[field] = field === "owner" ? view.snapshot.nameOf(row.owner) : (status?.[field] ?? null);
  }
  object["version"] = row.version;
  object["createdAt"] = new Date(row.createdAt).toISOString();
  object["updatedAt"] = new Date(row.updatedAt).toISOString();
  return object as Resource;
}
