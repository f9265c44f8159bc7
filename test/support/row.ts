import type { RowOf } from "../../src/server/core/store/typed-rows.ts";
import type { Row } from "../../src/server/core/store/types.ts";

/** Returns a row with the given fields and nothing else. It has the types of its kind, whatever is in it. */
export function row<Name extends string>(
  id: string,
  kind: Name,
  name: string,
  more: Partial<Row> = {},
): RowOf<Name> {
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
  return { id, kind, name, ...base, ...more } satisfies Row as unknown as RowOf<Name>;
}
