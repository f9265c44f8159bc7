import { join } from "node:path";
import { onTestFinished } from "vitest";
import { keyRing, masterKey } from "../../../src/backends/master-keys.ts";
import { sealedDriver } from "../../../src/backends/sealed/driver.ts";
import type { Driver } from "../../../src/backends/types.ts";
import { openStore } from "../../../src/server/core/store/index.ts";
import { tableOf } from "../../../src/server/secrets/secret-table.ts";
import { freshFolder } from "../../server/core/store/folder.ts";

/** The master key of the tests. */
export const first = masterKey(Uint8Array.from({ length: 32 }, (_, i) => i));

/** Opens a real database. Returns it with the part that belongs to one backend. */
export async function tableInStore(path: string) {
  const store = await openStore({ path, now: Date.now });
  return { store, table: tableOf(store, "sbe_1", () => 1) };
}

/** Opens a driver over an empty backend, for one test. */
export async function open(): Promise<Driver> {
  const { store, table } = await tableInStore(join(freshFolder(), "mcpctl.db"));
  onTestFinished(() => store.close());
  return sealedDriver("vault", table, () => keyRing(first));
}
