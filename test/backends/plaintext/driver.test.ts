import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { plaintextDriver } from "../../../src/backends/plaintext/driver.ts";
import { openStore } from "../../../src/server/core/store/index.ts";
import { tableOf } from "../../../src/server/secrets/secret-table.ts";
import { backendContract } from "../../contract/backend.ts";
import { temporaryFolder } from "../../support/server.ts";

async function open() {
  const store = await openStore({ path: join(temporaryFolder(), "mcpctl.db"), now: Date.now });
  const driver = (name: string) => plaintextDriver(name, tableOf(store, `sbe_${name}`, Date.now));
  return { store, driver };
}

backendContract("plaintext", async () => {
  const { store, driver } = await open();
  onTestFinished(() => store.close());
  return driver("default");
});

it("keeps backends of one database apart", async () => {
  const { store, driver } = await open();
  onTestFinished(() => store.close());
  await driver("one").write("sec_1/ver_1", { k: "one" });
  expect(await driver("one").list()).toEqual(["sec_1/ver_1"]);
  expect(await driver("two").list()).toEqual([]);
});

it("tells that the database is gone from that there is nothing", async () => {
  const { store, driver } = await open();
  await driver("default").write("sec_1/ver_1", { k: "canary-value" });
  await store.close();
  const reason = 'secret backend "default": the database does not answer';
  await expect(driver("default").read("sec_1/ver_1")).rejects.toMatchObject({
    code: "unavailable",
    message: reason,
  });
  expect(await driver("default").health()).toEqual({ status: "error", reason });
});
