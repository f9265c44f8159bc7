import { Database } from "bun:sqlite";
import { join } from "node:path";
import { expect, it } from "vitest";
import { copyTables } from "../../../../src/server/core/store/copy-tables.ts";
import { openStore } from "../../../../src/server/core/store/index.ts";
import { freshFolder } from "./folder.ts";

/** Tables that no backup has. A new one is added here only for a reason that `copy-tables.ts` tells. */
const leftBehind = [
  "changes",
  "provider_sessions",
  "schema_migrations",
  "secret_orphans",
  "sessions",
  "usage_through",
];

it("a backup has every table and every column of the database, but for those that are left behind", async () => {
  const path = join(freshFolder(), "mcpctl.db");
  await (await openStore({ path, now: Date.now })).close();
  using database = new Database(path, { readonly: true });
  const columns = database
    .query(
      "select t.name, c.name from pragma_table_list t, pragma_table_info(t.name) c where t.schema = 'main'",
    )
    .values() as [table: string, column: string][];
  const found = Map.groupBy(
    columns.filter(([table]) => !table.startsWith("sqlite_")),
    ([table]) => table,
  );
  expect([...found.keys()].sort()).toEqual([...copyTables.map(({ name }) => name), ...leftBehind].sort());
  for (const { name, columns } of copyTables) {
    const all = found.get(name)!.map(([, column]) => column);
    // The database numbers the events anew.
    const expected = name === "audit_events" ? all.filter((column) => column !== "id") : all;
    expect(columns.map((column) => column.name).sort(), name).toEqual(expected.sort());
  }
});

it("each table stands behind those that it refers to", () => {
  const names = copyTables.map(({ name }) => name);
  expect(names[0]).toBe("resources");
  expect(names.indexOf("thread_messages")).toBeGreaterThan(names.indexOf("threads"));
  expect(new Set(names).size).toBe(names.length);
});
