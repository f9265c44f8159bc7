import { statSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { openStore } from "../../../../../src/server/core/store/index.ts";
import type { AuditEvent } from "../../../../../src/server/core/store/types.ts";
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
