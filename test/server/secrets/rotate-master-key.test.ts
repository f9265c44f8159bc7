import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { type KeyRing, masterKey } from "../../../src/backends/master-keys.ts";
import {
  checkSealed,
  records,
  type SealedBackend,
  sealedDriver,
} from "../../../src/backends/sealed/driver.ts";
import { kidOf } from "../../../src/backends/sealed/record.ts";
import { AppError } from "../../../src/errors.ts";
import { openStore } from "../../../src/server/core/store/index.ts";
import { readKeyRing, saveKeyRing } from "../../../src/server/secrets/key-file.ts";
import { type MasterKeyRotation, masterKeyRotation } from "../../../src/server/secrets/rotate-master-key.ts";
import { tableOf } from "../../../src/server/secrets/secret-table.ts";
import { freshFolder } from "../core/store/folder.ts";

const names = ["vault", "cellar"];
const refs = ["sec_1/ver_1", "sec_2/ver_1", "sec_3/ver_1"];

/** Is called before and after every lasting step: the points at which a server may be killed. */
type Step = (at: string) => void;

/** The state of a server after a start, which has the database and the key file alone. */
async function start(
  folder: string,
  { step = () => {}, ...more }: Partial<MasterKeyRotation> & { step?: Step } = {},
) {
  const store = await openStore({ path: join(folder, "mcpctl.db"), now: Date.now });
  onTestFinished(() => store.close());
  const file = { path: join(folder, "master-key"), fromSystemd: false };
  let ring = readKeyRing(file);
  const backends: SealedBackend[] = names.map((name) => {
    const table = tableOf(store, `sbe_${name}`, () => 1);
    const replace: typeof table.replace = async (ref, data) => {
      step(`before ${ref}`);
      await table.replace(ref, data);
      step(`after ${ref}`);
    };
    return { name, table: { ...table, replace } };
  });
  await checkSealed(ring, backends);
  const drivers = backends.map(({ name, table }) => sealedDriver(name, table, () => ring));
  const rotate = masterKeyRotation({
    ring: () => ring,
    backends: () => backends,
    save(next: KeyRing) {
      step("before save");
      saveKeyRing(file, next, 0);
      step("after save");
    },
    use(next: KeyRing) {
      ring = next;
    },
    newKey: () => masterKey(crypto.getRandomValues(new Uint8Array(32))),
    shared: false,
    ...more,
  });
  return {
    rotate,
    drivers,
    backends,
    stop: () => store.close(),
    ring: () => ring,
    /** Returns all values, by backend and ref. */
    async values() {
      const found: Record<string, unknown> = {};
      for (const [i, driver] of drivers.entries())
        for (const ref of await driver.list()) found[`${names[i]}/${ref}`] = (await driver.read(ref))?.["k"];
      return found;
    },
    /** Returns the ids of the keys that the records are sealed with. */
    async kids() {
      const found: (string | undefined)[] = [];
      for (const backend of backends)
        for await (const [, record] of records(backend)) found.push(kidOf(record));
      return found;
    },
  };
}

const refOf = (name: string, ref: string) => ref.replace("sec", `sec_${name}`);

/** Makes three secrets on each of two backends, sealed with a fixed key. */
async function sealedFolder(): Promise<{ folder: string; values: Record<string, unknown> }> {
  const folder = freshFolder();
  writeFileSync(join(folder, "master-key"), crypto.getRandomValues(new Uint8Array(32)), { mode: 0o600 });
  const server = await start(folder);
  for (const [i, driver] of server.drivers.entries())
    for (const ref of refs) await driver.write(refOf(names[i]!, ref), { k: `${names[i]} ${ref}` });
  const values = await server.values();
  expect(Object.keys(values)).toHaveLength(6);
  await server.stop();
  return { folder, values };
}

const keyFileOf = (folder: string) => join(folder, "master-key");
const idsIn = (folder: string) =>
  readKeyRing({ path: keyFileOf(folder), fromSystemd: false }).keys.map(({ id }) => id);

describe("rotating the master key", () => {
  it("wraps every data key with a new key, leaves the encrypted values unchanged, and keeps the old key for backups", async () => {
    const { folder, values } = await sealedFolder();
    const [old] = idsIn(folder);
    const server = await start(folder);
    const dataBefore = await Promise.all(
      server.backends.map(({ table }) => table.list().then((all) => table.get(all[0]!))),
    );
    const { keyId, ...rest } = await server.rotate();
    expect(rest).toEqual({ rewrapped: 6, resumed: false });
    expect(keyId).not.toBe(old);
    expect(idsIn(folder)).toEqual([keyId, old]);
    expect(await server.kids()).toEqual(Array(6).fill(keyId));
    expect(await server.values()).toEqual(values);
    const dataAfter = await Promise.all(
      server.backends.map(({ table }) => table.list().then((all) => table.get(all[0]!))),
    );
    expect(dataAfter.map((record) => record!["data"])).toEqual(dataBefore.map((record) => record!["data"]));

    // The new key alone opens everything.
    await server.stop();
    writeFileSync(keyFileOf(folder), readFileSync(keyFileOf(folder), "utf8").split("\n")[1]!);
    expect(idsIn(folder)).toEqual([keyId]);
    expect(await (await start(folder)).values()).toEqual(values);
  });

  it("makes another key each time, also if nothing is sealed yet", async () => {
    const { folder } = await sealedFolder();
    const server = await start(folder, { backends: () => [] });
    const first = await server.rotate();
    const second = await server.rotate();
    expect([first, second]).toMatchObject([
      { rewrapped: 0, resumed: false },
      { rewrapped: 0, resumed: false },
    ]);
    expect(idsIn(folder).slice(0, 2)).toEqual([second.keyId, first.keyId]);
    expect(idsIn(folder)).toHaveLength(3);
  });

  it("loses nothing at whatever step it is killed, and the next run finishes it with the same key", async () => {
    const steps: string[] = [];
    const whole = await sealedFolder();
    await (await start(whole.folder, { step: (at) => void steps.push(at) })).rotate();
    expect(steps).toHaveLength(2 + 2 * 6);
    expect(steps.slice(0, 3)).toEqual(["before save", "after save", expect.stringMatching(/^before sec_/)]);

    for (const [dies, at] of steps.entries()) {
      const { folder, values } = await sealedFolder();
      const [old] = idsIn(folder);
      let left = dies;
      const dying = await start(folder, {
        step() {
          if (left-- === 0) throw new Error("killed");
        },
      });
      await expect(dying.rotate(), at).rejects.toThrow("killed");
      // The server may also live on: the database failed for a moment.
      expect(await dying.values(), at).toEqual(values);
      await dying.stop();

      const next = await start(folder);
      expect(await next.values(), at).toEqual(values);
      const saved = dies > 0;
      const all = dies === steps.length - 1;
      const done = Math.max(0, Math.floor((dies - 1) / 2));
      expect(
        (await next.kids()).filter((kid) => kid !== old),
        at,
      ).toHaveLength(done);
      const result = await next.rotate();
      // After a kill before the key was saved, or after the end, the next run is a new rotation.
      expect(result, at).toEqual({
        keyId: next.ring().current.id,
        rewrapped: !saved || all ? 6 : 6 - done,
        resumed: saved && !all,
      });
      expect(idsIn(folder), at).toHaveLength(all ? 3 : 2);
      expect(idsIn(folder).at(-1), at).toBe(old);
      expect(await next.kids(), at).toEqual(Array(6).fill(idsIn(folder)[0]));
      expect(await next.values(), at).toEqual(values);
      await next.stop();
    }
  });

  it("uses a key that was added to the file by hand, and makes none", async () => {
    const { folder, values } = await sealedFolder();
    const [old] = idsIn(folder);
    const mine = Buffer.alloc(32, 5);
    const rest = readFileSync(keyFileOf(folder)).toString("hex");
    const text = `${mine.toString("base64")}\n${rest}\n`;
    writeFileSync(keyFileOf(folder), text);
    // This also works with PostgreSQL, or with a file that the server may not write.
    const server = await start(folder, {
      shared: true,
      save: () => {
        throw new Error("saved");
      },
    });
    expect(await server.rotate()).toEqual({ keyId: masterKey(mine).id, rewrapped: 6, resumed: true });
    expect(await server.values()).toEqual(values);
    expect(readFileSync(keyFileOf(folder), "utf8")).toBe(text);
    expect(idsIn(folder)).toEqual([masterKey(mine).id, old]);
  });

  it("has to be done by hand if other servers use the database, or if the file cannot be changed", async () => {
    const { folder, values } = await sealedFolder();
    const before = readFileSync(keyFileOf(folder));
    const [old] = idsIn(folder);
    const steps = expect.stringMatching(/first line.*every server.*restart.*run this again/s);
    const shared = await start(folder, { shared: true });
    await expect(shared.rotate()).rejects.toMatchObject({ code: "conflict", hint: steps });
    await shared.stop();
    const save = (ring: KeyRing) => saveKeyRing({ path: keyFileOf(folder), fromSystemd: true }, ring, 0);
    const systemd = await start(folder, { save });
    await expect(systemd.rotate()).rejects.toMatchObject({ code: "conflict", hint: steps });
    expect(readFileSync(keyFileOf(folder))).toEqual(before);
    expect(await systemd.kids()).toEqual(Array(6).fill(old));
    expect(await systemd.values()).toEqual(values);
    await systemd.drivers[0]!.write("sec_9/ver_1", { k: "later" });
    expect(new Set(await systemd.kids())).toEqual(new Set([old]));
    await systemd.stop();
    const without = await start(folder, { ring: () => undefined });
    await expect(without.rotate()).rejects.toMatchObject({
      code: "conflict",
      message: "this server has no master key",
    });
  });

  it("seals a write during the rotation with the new key, and does not restore a deleted record", async () => {
    const { folder, values } = await sealedFolder();
    let meanwhile: Promise<unknown> | undefined;
    const server = await start(folder, {
      step(at) {
        if (at !== `before ${refOf("vault", refs[0]!)}`) return;
        // At this point the record has been read, and is about to be replaced.
        const [vault, cellar] = server.drivers;
        meanwhile = Promise.all([
          ...refs.map((ref) => vault!.delete(refOf("vault", ref))),
          cellar!.delete(refOf("cellar", refs[2]!)),
          cellar!.write("sec_new/ver_1", { k: "new" }),
        ]);
      },
    });
    const { keyId } = await server.rotate();
    expect(meanwhile).toBeDefined();
    await meanwhile;
    expect(await server.kids()).toEqual([keyId, keyId, keyId]);
    const kept = refs.slice(0, 2).map((ref) => `cellar/${refOf("cellar", ref)}`);
    expect(await server.values()).toEqual({
      ...Object.fromEntries(kept.map((at) => [at, values[at]])),
      "cellar/sec_new/ver_1": "new",
    });
  });

  it("runs once at a time", async () => {
    const { folder } = await sealedFolder();
    const server = await start(folder);
    const first = server.rotate();
    await expect(server.rotate()).rejects.toMatchObject({
      code: "conflict",
      message: "the master key is being rotated already",
    });
    const { keyId } = await first;
    expect(idsIn(folder)).toHaveLength(2);
    expect((await server.rotate()).keyId).not.toBe(keyId);
    expect(idsIn(folder)).toHaveLength(3);
  });

  it("goes on after records that do not open, names one, and is finished when they are deleted", async () => {
    const { folder } = await sealedFolder();
    const server = await start(folder);
    const [{ table }] = server.backends as [SealedBackend];
    const [bad, other] = [refOf("vault", refs[0]!), refOf("vault", refs[1]!)];
    await table.put(bad, (await table.get(other))!);
    const [old] = idsIn(folder);
    for (const resumed of [false, true]) {
      const error = await server.rotate().catch((error: AppError) => error);
      expect(error).toBeInstanceOf(AppError);
      expect(error).toMatchObject({
        code: "secret_unavailable",
        message: expect.stringMatching(
          new RegExp(
            `^1 secret could not be rewrapped, first ${bad}: secret backend "vault": .*does not open`,
          ),
        ),
        hint: expect.stringContaining(resumed ? "0 were" : "5 were"),
      });
      const kids = await server.kids();
      expect(kids.filter((kid) => kid === old)).toHaveLength(1);
      expect(idsIn(folder)).toHaveLength(2);
    }
    await table.delete(bad);
    expect(await server.rotate()).toMatchObject({ rewrapped: 5, resumed: false });
  });
});
