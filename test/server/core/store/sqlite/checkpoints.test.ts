import { statSync } from "node:fs";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { copyTables } from "../../../../../src/server/core/store/copy-tables.ts";
import { openStore } from "../../../../../src/server/core/store/index.ts";
import type { AuditEvent } from "../../../../../src/server/core/store/types.ts";
import { turnsOf } from "../../../../support/turns.ts";
import { freshFolder } from "../folder.ts";

const event: AuditEvent = {
  at: 1,
  action: "login",
  requestId: "req_1",
  userId: "usr_1",
  status: 200,
  tokenId: null,
};

/** Far less than the 64 MB at which SQLite itself empties the log. */
const mostLog = 48 * 1024 * 1024;

it("the log goes to the file while writes go on, before SQLite itself would do it at once", async () => {
  const path = join(freshFolder(), "mcpctl.db");
  const store = await openStore({ path, now: () => 1 });
  const size = () => statSync(path).size;
  const before = size();
  while (size() === before && (store.logBytes() ?? 0) < mostLog) {
    for (let count = 0; count < 10; count++) await store.appendAudit([event]);
    // Much shorter than the pause in which the log goes to the file anyway.
    await Bun.sleep(5);
  }
  expect(size()).toBeGreaterThan(before);
  await store.close();
});

it("a restore is written back to the file by another thread, before others write again (T369)", async () => {
  const path = join(freshFolder(), "mcpctl.db");
  const store = await openStore({ path, now: () => 1 });
  onTestFinished(() => store.close());
  const { promise: filled, resolve: isFilled } = Promise.withResolvers<void>();
  const table = copyTables.find(({ name }) => name === "former_names")!;
  const row = (n: number) => ({
    id: `llm_${n}`,
    kind: "llm",
    name: "a".repeat(3000),
    owner: null,
    created_at: 1,
    deleted_at: 1,
  });
  const done = store.fill(async (fill) => {
    const rows = Array.from({ length: 3000 }, (_, n) => row(n));
    await fill.put(table, rows, "refuse");
    isFilled();
  }, true);
  await filled;
  const { turns } = await turnsOf(done);
  expect(statSync(path).size).toBeGreaterThan(9_000_000);
  // The commit alone ends in the turn in which it begins.
  expect(turns).toBeGreaterThan(3);
  expect(store.logBytes()).toBe(0);
});
