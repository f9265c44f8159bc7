import { writeSync } from "node:fs";
import { openStore } from "../../../../src/server/core/store/index.ts";
import { event, row } from "../../../contract/store-fixtures.ts";

/** Commits row after row into the file given, and says each number once its commit is acknowledged. */
const [path = "", first = "0"] = process.argv.slice(2);
const store = await openStore({ path, now: Date.now });
for (let number = Number(first); ; number++) {
  const ref = `row-${number}`;
  await store.commit([
    { op: "insert", row: row(ref), refs: [] },
    { op: "putSecretData", ref, backendId: "sbe_1", data: { KEY: "x".repeat(number % 5000) }, at: number },
    { op: "audit", event: event(number) },
  ]);
  writeSync(1, `${number}\n`);
}
