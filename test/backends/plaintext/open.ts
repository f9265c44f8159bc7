import { join } from "node:path";
import { onTestFinished } from "vitest";
import { plaintextDriver } from "../../../src/backends/plaintext/driver.ts";
import type { Driver } from "../../../src/backends/types.ts";
import { openStore } from "../../../src/server/core/store/index.ts";
import { tableOf } from "../../../src/server/secrets/secret-table.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

/** Opens a real database. Returns it with a function that opens the driver of a backend by its name. */
export async function openDatabase() {
  const store = await openStore({ path: join(temporaryFolder(), "mcpctl.db"), now: Date.now });
  const driver = (name: string) => plaintextDriver(name, tableOf(store, `sbe_${name}`, Date.now));
  return { store, driver };
}

/** Opens a driver over an empty backend, for one test. */
export async function open(): Promise<Driver> {
  const { store, driver } = await openDatabase();
  onTestFinished(() => store.close());
  return driver("default");
}
