import { expect, it } from "vitest";
import { openStore } from "../../../src/server/core/store/index.ts";
import { databaseWithTables } from "../../postgres.ts";
import { fakeBao } from "../../support/openbao/fake.ts";
import { keyFileIn } from "../../support/sealing.ts";
import { must, type TestServer, testServer } from "../../support/server.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

const values = { key: "marked-value-one" };

/** Starts two servers on one PostgreSQL, each with a copy of the master key. */
async function startTwo(): Promise<[TestServer, TestServer]> {
  const url = await databaseWithTables();
  const start = async () => {
    const folder = temporaryFolder();
    const store = await openStore({ url, now: Date.now });
    return await testServer({ folder, store, keyFile: keyFileIn(folder) });
  };
  return [await start(), await start()];
}

async function revealed(server: TestServer): Promise<unknown> {
  const { status, body } = await server.admin("GET", "/api/v1/secrets/s?reveal=true");
  return status === 200 ? body.data : status;
}

it("servers that share a database find moved secrets at their new place, during reads", async () => {
  const [one, other] = await startTwo();
  await must(one.admin("POST", "/api/v1/secretbackends", { name: "vault", type: "sealed" }));
  await must(one.admin("POST", "/api/v1/secrets", { name: "s", data: values }));
  await expect.poll(() => revealed(other)).toEqual(values);
  let moving = true;
  const reading = (async () => {
    while (moving) expect(await revealed(other)).toEqual(values);
  })();
  for (const [from, to] of [
    ["default", "vault"],
    ["vault", "default"],
    ["default", "vault"],
  ]) {
    const { body } = await must(one.admin("POST", "/api/v1/secrets/migrate", { from, to }));
    expect(body.summary.migrated).toBe(1);
  }
  moving = false;
  await reading;
});

it("a server on PostgreSQL does not make a master key, and says how to rotate it by hand", async () => {
  const [one] = await startTwo();
  const { status, body } = await one.admin("POST", "/api/v1/master-key/rotate");
  expect([status, body.code]).toEqual([409, "conflict"]);
  expect(body.hint).toContain("first line");
});

it("servers that share a database go on after one of them has replaced the token of a backend", async () => {
  const bao = await fakeBao();
  const [one, other] = await startTwo();
  const wish = { name: "bao", config: { url: bao.url }, adminToken: bao.token };
  await must(one.admin("POST", "/api/v1/secretbackends/wizard", wish));
  await must(one.admin("POST", "/api/v1/secrets", { name: "s", data: values, backend: "bao" }));
  await expect.poll(() => revealed(other)).toEqual(values);
  for (let round = 0; round < 3; round++) {
    await must(one.admin("POST", "/api/v1/secretbackends/bao/rotate"));
    // Values that were read are cached, so a secret that nobody has read is created.
    const name = `new-${round}`;
    await must(other.admin("POST", "/api/v1/secrets", { name, data: values, backend: "bao" }));
    expect((await must(other.admin("GET", `/api/v1/secrets/${name}?reveal=true`))).body.data).toEqual(values);
  }
});
