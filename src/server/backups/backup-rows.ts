import { damaged } from "../../backup/manifest.ts";
import { kinds } from "../../kinds/index.ts";
import { isId } from "../../kinds/names.ts";
import type { CopyColumn, CopyRow, CopyTable } from "../core/store/copy/copy.ts";
import { assertStorable } from "../core/store/storable.ts";

/** A name that can stand in a table, a URL and the name of a folder. */
const nameForm = /^[^\p{C}\p{Z}/]{1,300}$/u;
const kindNames = new Set(kinds.map(({ kind }) => kind as string));

/**
 * Reads a row of a table.
 *
 * @param columns the columns that the backup has
 * @throws AppError `invalid_request` if it is no row of this table
 */
export function readRow(table: CopyTable, columns: readonly CopyColumn[], line: string): CopyRow {
  let row: unknown;
  try {
    row = JSON.parse(line);
  } catch {
    throw damaged(`a row of ${table.name} is not JSON`);
  }
  if (typeof row !== "object" || row === null || Array.isArray(row))
    throw damaged(`a row of ${table.name} is not an object`);
  if (Object.keys(row).length !== columns.length)
    throw damaged(`a row of ${table.name} has other columns than its manifest tells`);
  for (const column of columns)
    if (!fits(column, (row as CopyRow)[column.name]))
      throw damaged(`a row of ${table.name} has no ${column.type} in ${column.name}`);
  assertStorable(row);
  return row as CopyRow;
}

function fits({ type, canBeNull }: CopyColumn, value: unknown): boolean {
  if (value === null) return canBeNull;
  if (type === "integer") return Number.isSafeInteger(value);
  if (type === "json") return typeof value === "object";
  return typeof value === (type === "text" ? "string" : "boolean");
}

/** The columns of a row of `resources` that a restore decides by. */
export interface ResourceRow extends CopyRow {
  id: string;
  kind: string;
  scope: string;
  name: string;
  owner: string | null;
  spec: Record<string, unknown>;
  status: Record<string, unknown>;
  version: number;
}

/** Throws AppError `invalid_request` if a row is not of a kind that this version knows, or has no name or id. */
export function checkResource(row: CopyRow): asserts row is ResourceRow {
  const { id, kind, name, version, visibility, spec, status } = row as ResourceRow;
  if (!kindNames.has(kind))
    throw damaged(`it has an object of the unknown kind ${JSON.stringify(kind.slice(0, 50))}`);
  if (!isId(id)) throw damaged(`a ${kind} has no id`);
  if (!nameForm.test(name)) throw damaged(`${kind} ${id} has no name`);
  if (version < 1) throw damaged(`${kind} "${name}" has no version`);
  if (![null, "public", "private"].includes(visibility as null))
    throw damaged(`${kind} "${name}" has no visibility`);
  if (Array.isArray(spec) || Array.isArray(status)) throw damaged(`${kind} "${name}" has no fields`);
}
