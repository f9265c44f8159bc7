import type { Kind, Resource } from "../../../kinds/define.ts";
import { decideToShow } from "../access/parts.ts";
import type { Row } from "../store/types.ts";
import { hooks } from "./hooks/index.ts";
import type { View } from "./hooks.ts";

/**
 * Returns a row as the API shows it to a reader. Rows never contain write-only fields; who may run and not view a row
 * sees the fields for callers (T251).
 */
export function present(kind: Kind, row: Row, view: View): Resource {
  const object: Record<string, unknown> = { id: row.id, name: row.name };
  const hidden = hooks[kind.kind]?.hidden?.(row, view) ?? [];
  const isForCaller = isShownInPart(kind, row, view);
  const isLeftOut = (field: string) => isForCaller && !kind.callerFields?.includes(field);
  const status = hooks[kind.kind]?.status?.(row, view);
  for (const field of Object.keys(kind.fields.properties)) {
    const value = status && Object.hasOwn(status, field) ? status[field] : row.spec[field];
    if (
      value !== undefined &&
      !kind.writeOnly.includes(field) &&
      !hidden.includes(field) &&
      !isLeftOut(field)
    )
      object[field] = value;
  }
  for (const field of Object.keys(kind.readOnly.properties)) {
    if (isLeftOut(field)) continue;
    object[field] = field === "owner" ? view.snapshot.nameOf(row.owner) : (status?.[field] ?? null);
  }
  object["version"] = row.version;
  object["createdAt"] = new Date(row.createdAt).toISOString();
  object["updatedAt"] = new Date(row.updatedAt).toISOString();
  return object as Resource;
}

function isShownInPart(kind: Kind, row: Row, { snapshot, principal }: View): boolean {
  if (!kind.callerFields) return false;
  const named = { name: row.name, scope: row.scope, row };
  return decideToShow(snapshot, principal, kind, named) === "in part";
}
