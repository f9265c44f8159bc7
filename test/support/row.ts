import type { Row } from "../../src/server/core/store/types.ts";

/** A row with nothing in it but what is given. */
export function row(id: string, kind: string, name: string, more: Partial<Row> = {}): Row {
  const base = {
    scope: "",
    owner: null,
    visibility: null,
    spec: {},
    status: {},
    version: 1,
    createdAt: 1,
    updatedAt: 1,
  };
  return { id, kind, name, ...base, ...more };
}
