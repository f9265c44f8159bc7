import { expect, it, onTestFinished } from "vitest";
import { openDatabase } from "./open.ts";

it("plaintext backends of one database are separate", async () => {
  const { store, driver } = await openDatabase();
  onTestFinished(() => store.close());
  await driver("one").write("sec_1/ver_1", { k: "one" });
  expect(await driver("one").list()).toEqual(["sec_1/ver_1"]);
  expect(await driver("two").list()).toEqual([]);
});

it("a plaintext backend distinguishes a closed database from a missing value", async () => {
  const { store, driver } = await openDatabase();
  await driver("default").write("sec_1/ver_1", { k: "canary-value" });
  await store.close();
  const reason = 'secret backend "default": the database does not answer';
  await expect(driver("default").read("sec_1/ver_1")).rejects.toMatchObject({
    code: "unavailable",
    message: reason,
  });
  expect(await driver("default").health()).toEqual({ status: "error", reason });
});
