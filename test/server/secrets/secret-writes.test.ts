import { join } from "node:path";
import { expect, it } from "vitest";
import { Catalogue } from "../../../src/server/core/catalogue/catalogue.ts";
import { systemRandom } from "../../../src/server/core/ids.ts";
import { openStore } from "../../../src/server/core/store/index.ts";
import type { Backends } from "../../../src/server/secrets/backends.ts";
import { SecretWrites } from "../../../src/server/secrets/secret-writes.ts";
import { heldStore } from "../../support/held-store.ts";
import { row } from "../../support/row.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

const ref = "sec_1/ver_1";

/** A server that does not know yet of the backend which another one has made, and of values that it has written there. */
async function behind() {
  const store = await openStore({ path: join(temporaryFolder(), "mcpctl.db"), now: Date.now });
  const late = await Catalogue.open(store, () => {});
  const writes = new SecretWrites(late, {} as Backends, () => Date.now(), systemRandom);
  const orphan = { ref, backendId: "sbe_1", doomed: false, at: Date.now() };
  await store.commit([
    { op: "insert", row: row("sbe_1", "secretbackend", "vault"), refs: [] },
    { op: "addOrphan", orphan },
    { op: "putSecretData", ref, backendId: "sbe_1", data: { k: "v" }, at: Date.now() },
  ]);
  return { store, writes };
}

it("a sweep does not delete values that a row adopts while it looks, also of a backend that it does not know (failure mode 260)", async () => {
  const { store, writes } = await behind();
  const looking = heldStore(store).hold("orphans", "after");
  const sweeping = writes.sweepSecret("sec_1");
  await looking.reached;
  await store.commit([{ op: "adoptOrphan", ref }]);
  looking.release();
  expect(await sweeping).toEqual([]);
  expect(await store.secretData(ref)).toEqual({ k: "v" });
});

it("a sweep deletes values of a backend that is gone, which no row has", async () => {
  const { store, writes } = await behind();
  expect(await writes.sweepSecret("sec_1")).toEqual([]);
  expect(await store.secretData(ref)).toBeNull();
  expect(await store.orphans()).toEqual([]);
});
