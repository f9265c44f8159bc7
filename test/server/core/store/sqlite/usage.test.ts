import { join } from "node:path";
import { expect, it } from "vitest";
import { openStore } from "../../../../../src/server/core/store/index.ts";
import type { AuditEvent } from "../../../../../src/server/core/store/types.ts";
import { temporaryFolder } from "../../../../support/temporary-folder.ts";
import { turnsOf } from "../../../../support/turns.ts";

it("the usage of SQLite is read in several turns of the event loop, each row once (T334)", async () => {
  const store = await openStore({ path: join(temporaryFolder(), "mcpctl.db"), now: Date.now });
  const call = (n: number): AuditEvent => ({
    at: Date.parse("2026-11-20T10:00:00Z") + (n % 5) * 24 * 60 * 60 * 1000,
    action: "llm_inference_call",
    requestId: `r${n}`,
    userId: `user-${n % 7}`,
    tokenId: n % 2 === 0 ? null : "token",
    status: 200,
    llm: `llm-${n}`,
    promptTokens: n,
  });
  const count = 9000;
  await store.appendAudit(Array.from({ length: count }, (_, n) => call(n)));
  const { value: rows, turns } = await turnsOf(store.usage({ since: "2026-11-01", until: "2026-11-30" }));
  expect(turns).toBeGreaterThan(3);
  expect(new Set(rows.map(({ llm }) => llm)).size).toBe(count);
  expect(rows).toHaveLength(count);
  expect(rows.map(({ day }) => day)).toEqual(rows.map(({ day }) => day).toSorted());
  const some = await store.usage({ since: "2026-11-21", until: "2026-11-22", userId: "user-3" });
  const wanted = Array.from({ length: count }, (_, n) => n).filter(
    (n) => n % 7 === 3 && [1, 2].includes(n % 5),
  );
  expect(some.map(({ promptTokens }) => promptTokens).toSorted((a, b) => a - b)).toEqual(wanted);
  await store.close();
});
