import { Database } from "bun:sqlite";
import { join } from "node:path";
import { expect, it } from "vitest";
import { smallDependents } from "../../../../src/server/core/store/buried-rows.ts";
import { openStore } from "../../../../src/server/core/store/index.ts";
import { freshFolder } from "./folder.ts";

/** The tables that `deleteBuried` empties some rows at a time, and the references that hold a row. */
const others = [
  "inference_batches.owner_id",
  "inference_tasks.owner_id",
  "provider_objects.llm_id",
  "provider_objects.owner_id",
  "refs.to_id",
  "stored_files.owner_id",
  "threads.agent_id",
  "threads.owner_id",
];

it("everything that refers to a row goes away when it is buried, or after it (T368)", async () => {
  const path = join(freshFolder(), "mcpctl.db");
  await (await openStore({ path, now: Date.now })).close();
  using database = new Database(path, { readonly: true });
  const found = database
    .query(
      `select t.name || '.' || f."from" from pragma_table_list t, pragma_foreign_key_list(t.name) f
      where t.schema = 'main' and f."table" = 'resources'`,
    )
    .values()
    .map(([column]) => column);
  const small = Object.entries(smallDependents).flatMap(([table, columns]) =>
    columns.map((column) => `${table}.${column}`),
  );
  expect(found.sort()).toEqual([...small, ...others].sort());
});
