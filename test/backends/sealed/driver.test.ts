import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { keyRing, masterKey } from "../../../src/backends/master-keys.ts";
import { checkSealed, sealedDriver } from "../../../src/backends/sealed/driver.ts";
import { rewrapped } from "../../../src/backends/sealed/record.ts";
import type { SecretTable } from "../../../src/backends/secret-table.ts";
import { freshFolder } from "../../server/core/store/folder.ts";
import { first, tableInStore } from "./open.ts";

const second = masterKey(new Uint8Array(32).fill(7));
const ring = keyRing(first);
const ref = "sec_1/ver_1";

/** A table in memory, whose records a test can read and change. */
function tableOver(records: Map<string, Record<string, string>>): SecretTable {
  return {
    get: async (ref) => records.get(ref) ?? null,
    put: async (ref, data) => void records.set(ref, { ...data }),
    replace: async (ref, data) => void (records.has(ref) && records.set(ref, { ...data })),
    delete: async (ref) => void records.delete(ref),
    list: async () => [...records.keys()],
  };
}

function open(keys: typeof ring | undefined = ring) {
  const records = new Map<string, Record<string, string>>();
  const table = tableOver(records);
  return { records, table, driver: sealedDriver("vault", table, () => keys) };
}

/** Seals values and returns the stored record. */
async function recordOf(values: Record<string, string>, at = ref) {
  const { records, driver } = open();
  await driver.write(at, values);
  return records.get(at)!;
}

describe("a sealed record", () => {
  // Made by another implementation: Python's cryptography 48.
  const known = {
    v: "1",
    kid: "8cd8189cb3ecd7be",
    key: "AwMDAwMDAwMDAwMDx6YK36UAyLTGxytVdKYeAIKteoxjp9FFwt4ytbJqX462irdRHU7c3d2NDgaD2kE5",
    data: "AgICAgICAgICAgICfPS9JiEyr9/p7mxyjBwTPHMy85I/PvqYW0ExrQ2oS9Ajp8qN",
  };

  it("has the format of earlier versions", async () => {
    const { records, table, driver } = open();
    records.set(ref, known);
    expect(await driver.read(ref)).toEqual({ token: "ключ" });
    records.clear();
    const fills = [1, 2, 3];
    const random = (length: number) => new Uint8Array(length).fill(fills.shift()!);
    await sealedDriver("vault", table, () => ring, random).write(ref, { token: "ключ" });
    expect(records.get(ref)).toEqual(known);
  });

  it("opens to the sealed values, for any keys and values", async () => {
    const text = fc.oneof(fc.string(), fc.string({ unit: "binary" }));
    await fc.assert(
      fc.asyncProperty(fc.dictionary(text, text), text, async (values, at) => {
        const { driver } = open();
        await driver.write(at, values);
        expect(Object.entries((await driver.read(at))!)).toEqual(Object.entries(values));
      }),
    );
  });

  it("has nothing in common with another record of the same values", async () => {
    const [a, b] = [await recordOf({ k: "v" }), await recordOf({ k: "v" })];
    const bytes = ({ key, data }: Record<string, string>) => [
      Buffer.from(key!, "base64"),
      Buffer.from(data!, "base64"),
    ];
    const nonces = [...bytes(a!), ...bytes(b!)].map((sealed) => sealed.subarray(0, 12).toString("hex"));
    expect(new Set(nonces).size).toBe(4);
    for (const [i, sealed] of bytes(a!).entries()) {
      expect(sealed.subarray(12)).not.toEqual(bytes(b!)[i]!.subarray(12));
    }
  });

  it("does not open if any part of it is changed", async () => {
    const { records, driver } = open();
    const record = await recordOf({ token: "marked-value" });
    let tried = 0;
    for (const [field, text] of Object.entries(record)) {
      for (let at = 0; at < text.length; at++) {
        const [before, letter, after] = [text.slice(0, at), text[at]!, text.slice(at + 1)];
        for (const other of [letter === "1" ? "2" : "1", `${letter}1`, "!", ""]) {
          records.set(ref, { ...record, [field]: before + other + after });
          await expect(driver.read(ref), `${field}: ${before}[${other}]`).rejects.toMatchObject({
            code: "secret_unavailable",
            message: expect.stringMatching(/^secret backend "vault": (?!.*marked)/),
          });
          tried++;
        }
      }
    }
    expect(tried).toBeGreaterThan(600);
    records.set(ref, record);
    expect(await driver.read(ref)).toEqual({ token: "marked-value" });
  });

  it("opens under no other ref, of another secret or of another write", async () => {
    const { records, driver } = open();
    const refs = ["sec_1/ver_1", "sec_1/ver_2", "sec_2/ver_1", "sec_2/ver_1x"];
    for (const at of refs) await driver.write(at, { of: at });
    const kept = new Map(records);
    for (const from of refs) {
      for (const to of refs.filter((at) => at !== from)) {
        const [theirs, own] = [kept.get(from)!, kept.get(to)!];
        for (const mixed of [theirs, { ...own, data: theirs["data"]! }, { ...own, key: theirs["key"]! }]) {
          records.set(to, mixed);
          await expect(driver.read(to)).rejects.toMatchObject({
            message: expect.stringMatching(/does not open/),
          });
        }
        records.set(to, own);
      }
    }
  });

  it("is refused if it is not a sealed record, and its text is not shown", async () => {
    const { records, driver } = open();
    const record = await recordOf({ k: "v" });
    for (const other of [
      { token: "marked-value" },
      {},
      { ...record, v: "2" },
      { ...record, kid: "<marked>" },
    ]) {
      records.set(ref, other as Record<string, string>);
      await expect(driver.read(ref)).rejects.toMatchObject({
        code: "secret_unavailable",
        message: 'secret backend "vault": the stored record is not a sealed record of this version',
      });
    }
  });

  it("names the master key that it needs", async () => {
    const { records, driver } = open(keyRing(second));
    records.set(ref, await recordOf({ k: "v" }));
    await expect(driver.read(ref)).rejects.toMatchObject({
      code: "secret_unavailable",
      message: `secret backend "vault": a secret is sealed with master key ${first.id}, which this server does not have`,
    });
  });

  it("is sealed with the newest master key, and opens with older ones", async () => {
    const { records, driver } = open(ring.withNew(second));
    records.set("sec_0/ver_0", await recordOf({ k: "old" }, "sec_0/ver_0"));
    await driver.write(ref, { k: "new" });
    expect(records.get(ref)!["kid"]).toBe(second.id);
    expect([await driver.read("sec_0/ver_0"), await driver.read(ref)]).toEqual([{ k: "old" }, { k: "new" }]);
  });

  it("opens if it is rewrapped during the read", async () => {
    let keys = ring;
    const table = tableOver(new Map([[ref, await recordOf({ k: "v" })]]));
    const rewrapping: SecretTable = {
      ...table,
      async get(at) {
        const record = await table.get(at);
        keys = ring.withNew(second);
        return record && rewrapped("vault", keys, at, record);
      },
    };
    expect(await sealedDriver("vault", rewrapping, () => keys).read(ref)).toEqual({ k: "v" });
  });

  it("is rewrapped without a change of the encrypted values", async () => {
    const before = await recordOf({ k: "v" });
    const after = rewrapped("vault", ring.withNew(second), ref, before);
    expect(after).toEqual({ v: "1", kid: second.id, key: expect.any(String), data: before["data"] });
    expect(after["key"]).not.toBe(before["key"]);
    const { records, driver } = open(keyRing(second));
    records.set(ref, after);
    expect(await driver.read(ref)).toEqual({ k: "v" });
    expect(() => rewrapped("vault", ring.withNew(second), "sec_1/ver_2", before)).toThrow(/does not open/);
  });
});

describe("a sealed backend without a master key", () => {
  it("neither reads nor writes, and stores nothing in the clear", async () => {
    const records = new Map([[ref, await recordOf({ k: "v" })]]);
    const driver = sealedDriver("vault", tableOver(records), () => undefined);
    const missing = {
      code: "secret_unavailable",
      message: expect.stringMatching(/^secret backend "vault" needs a master key/),
    };
    await expect(driver.read(ref)).rejects.toMatchObject(missing);
    await expect(driver.write("sec_2/ver_1", { k: "v" })).rejects.toMatchObject(missing);
    expect([...records.keys()]).toEqual([ref]);
    expect(await driver.health()).toEqual({
      status: "error",
      reason: expect.stringMatching(/needs a master key/),
    });
  });
});

describe("the health of a sealed backend", () => {
  it("reports a wrong key, a damaged record and a closed database", async () => {
    const { records, driver } = open(keyRing(second));
    expect(await driver.health()).toEqual({ status: "healthy" });
    const record = await recordOf({ k: "v" });
    records.set(ref, record);
    expect(await driver.health()).toEqual({ status: "error", reason: expect.stringContaining(first.id) });

    const { store, table } = await tableInStore(join(freshFolder(), "mcpctl.db"));
    const inStore = sealedDriver("vault", table, () => ring);
    await table.put(ref, { ...record, data: record["key"]! });
    expect(await inStore.health()).toEqual({
      status: "error",
      reason: expect.stringMatching(/does not open/),
    });
    await store.close();
    const gone = 'secret backend "vault": the database does not answer';
    expect(await inStore.health()).toEqual({ status: "error", reason: gone });
    await expect(inStore.read(ref)).rejects.toMatchObject({ code: "unavailable", message: gone });
  });
});

it("a sealed backend leaves no value in the database's files, during a run or after it (T33)", async () => {
  const path = join(freshFolder(), "mcpctl.db");
  const { store, table } = await tableInStore(path);
  const driver = sealedDriver("vault", table, () => ring);
  const marked = ["marked-value-7f3a", "a-marked-key-7f3a"] as const;
  for (let i = 0; i < 20; i++) await driver.write(`sec_${i}/ver_1`, { [marked[1]]: marked[0].repeat(i + 1) });
  const raw = (...endings: string[]) => Buffer.concat(endings.map((ending) => readFileSync(path + ending)));
  const check = (bytes: Buffer) => {
    expect(bytes.includes(first.id)).toBe(true);
    for (const secret of [...marked, Buffer.from(marked[0]).toString("base64").slice(0, 16)])
      expect(bytes.includes(secret)).toBe(false);
    for (const key of [first.secret, first.wrapping].map((key) => key.export()))
      for (const form of [key, key.toString("base64"), key.toString("hex")])
        expect(bytes.includes(form)).toBe(false);
  };
  check(raw("", "-wal", "-shm"));
  await store.close();
  check(raw(""));
});

describe("the check of sealed backends at start", () => {
  const sealedWith = async (keys: typeof ring, name: string) => {
    const { records, table } = open();
    for (const at of ["sec_1/ver_1", "sec_2/ver_1"])
      await sealedDriver(name, table, () => keys).write(at, { k: at });
    return { name, table, records };
  };

  it("passes if any key of the ring opens the records", async () => {
    const backends = [
      await sealedWith(ring, "a"),
      await sealedWith(keyRing(second), "b"),
      { ...open(), name: "new" },
    ];
    await checkSealed(ring.withNew(second), backends);
    await checkSealed(undefined, []);
  });

  it("fails without a key, also for an empty backend", async () => {
    const empty = { ...open(), name: "vault" };
    for (const [backend, why] of [
      [empty, "needs a master key, and this server has none"],
      [await sealedWith(ring, "vault"), `is sealed with master key ${first.id}; this server was given none`],
    ] as const) {
      await expect(checkSealed(undefined, [backend])).rejects.toMatchObject({
        code: "unavailable",
        message: `secret backend "vault" ${why}`,
        hint: expect.stringContaining("--master-key-file"),
      });
    }
  });

  it("fails with another key, names the keys, and changes nothing", async () => {
    const third = masterKey(new Uint8Array(32).fill(9));
    const backends = [await sealedWith(keyRing(second), "mine"), await sealedWith(ring, "vault")];
    const before = structuredClone(backends.map(({ records }) => records));
    await expect(checkSealed(keyRing(second), backends)).rejects.toMatchObject({
      code: "unavailable",
      message: `secret backend "vault" is sealed with master key ${first.id}; this server was given another, ${second.id}`,
    });
    await expect(checkSealed(keyRing(third).withNew(second), backends)).rejects.toMatchObject({
      message: `secret backend "vault" is sealed with master key ${first.id}; this server was given others, ${second.id}, ${third.id}`,
    });
    expect(backends.map(({ records }) => records)).toEqual(before);
  });

  it("finds one record among many that needs another key", async () => {
    const vault = await sealedWith(ring, "vault");
    for (let i = 0; i < 120; i++)
      await sealedDriver("vault", vault.table, () => ring).write(`sec_x/${i}`, {});
    await checkSealed(ring, [vault]);
    await sealedDriver("vault", vault.table, () => keyRing(second)).write("sec_x/last", { k: "v" });
    await expect(checkSealed(ring, [vault])).rejects.toThrow(`sealed with master key ${second.id};`);
  });

  it("opens a record, and passes with a damaged record beside one that opens", async () => {
    const vault = await sealedWith(ring, "vault");
    const swapped = vault.records.get("sec_2/ver_1")!;
    vault.records.set("sec_1/ver_1", swapped);
    await checkSealed(ring, [vault]);
    vault.records.delete("sec_2/ver_1");
    await expect(checkSealed(ring, [vault])).rejects.toMatchObject({
      code: "unavailable",
      message: expect.stringMatching(/^secret backend "vault": the stored record does not open/),
    });
  });
});
