import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { plaintextDriver } from "../../src/backends/plaintext.ts";
import { newId } from "../../src/server/ids.ts";
import { openStore } from "../../src/server/store/index.ts";
import { backendContract } from "../contract/backend.ts";
import { temporaryFolder } from "../support/server.ts";

async function open() {
  const store = await openStore({ path: join(temporaryFolder(), "mcpctl.db"), now: Date.now });
  const driver = plaintextDriver(
    {
      get: (ref) => store.secretData(ref),
      put: async (ref, data) => void (await store.commit([{ op: "putSecretData", ref, data, at: 1 }])),
      delete: async (ref) => void (await store.commit([{ op: "deleteSecretData", ref }])),
      list: () => store.secretRefs(2),
    },
    (id) => `${id}/${newId("ver", 1)}`,
  );
  return { store, driver };
}

backendContract("plaintext", async () => {
  const { store, driver } = await open();
  onTestFinished(() => store.close());
  return driver;
});

it("tells that the database is gone from that there is nothing", async () => {
  const { store, driver } = await open();
  const ref = await driver.write("sec_1", { k: "canary-value" });
  await store.close();
  await expect(driver.read(ref)).rejects.toMatchObject({ code: "secret_unavailable" });
  expect(await driver.health()).toBe("the database cannot be read");
});
