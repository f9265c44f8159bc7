import { join } from "node:path";
import { expect, it } from "vitest";
import { openStore } from "../../../../../src/server/core/store/index.ts";
import type { AuditEvent, Store } from "../../../../../src/server/core/store/types.ts";
import { freshFolder } from "../folder.ts";

const at = Date.parse("2026-11-21T12:00:00Z");
const all = { since: "2026-01-01", until: "2026-12-31" };

const call = (more: Partial<AuditEvent> = {}): AuditEvent => ({
  at,
  action: "llm_inference_call",
  requestId: "req_1",
  userId: "usr_1",
  tokenId: null,
  status: 200,
  llm: "gpt",
  promptTokens: 7,
  ...more,
});

const counted = async (store: Store) =>
  (await store.usage(all)).map(({ requests, errors, promptTokens }) => ({ requests, errors, promptTokens }));

/** Returns a copy of the files as a killed server would leave them, in a folder of its own. */
function leftBy(path: string): string {
  const folder = freshFolder();
  // Not by this process: it would drop its own locks on the file.
  const { exitCode } = Bun.spawnSync(["sh", "-c", 'cp "$0" "$0-wal" "$1"', path, folder]);
  expect(exitCode).toBe(0);
  return join(folder, "mcpctl.db");
}

it("the usage of a killed server is completed by the next one, with nothing twice", async () => {
  const path = join(freshFolder(), "mcpctl.db");
  const store = await openStore({ path, now: () => at });
  await store.appendAudit([call(), call()]);
  expect(await counted(store)).toEqual([{ requests: 2, errors: 0, promptTokens: 14 }]);
  await store.appendAudit([call({ error: "provider_error" }), call({ action: "login" })]);
  const left = leftBy(path);
  const next = await openStore({ path: left, now: () => at });
  expect(await counted(next)).toEqual([{ requests: 3, errors: 1, promptTokens: 21 }]);
  await next.close();
  const again = await openStore({ path: left, now: () => at });
  expect(await counted(again)).toEqual([{ requests: 3, errors: 1, promptTokens: 21 }]);
  await again.close();
  await store.close();
});

it("the usage is summed up after a second, and when the server stops", async () => {
  const path = join(freshFolder(), "mcpctl.db");
  const store = await openStore({ path, now: () => at });
  await store.appendAudit([call()]);
  const inTable = () => {
    const command = "select requests from usage union all select -row from usage_through";
    const script = `const { Database } = require("bun:sqlite"); console.log(new Database(${JSON.stringify(path)}, { readonly: true }).query(${JSON.stringify(command)}).values().flat().join())`;
    return Bun.spawnSync([process.execPath, "-e", script]).stdout.toString().trim();
  };
  await expect.poll(inTable).toBe("1,-1");
  await store.appendAudit([call()]);
  await store.close();
  expect(inTable()).toBe("2,-2");
});
