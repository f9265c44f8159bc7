import {
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { decrypted, newTransferKey } from "../../../src/backup/age.ts";
import { BackupSchedule, type ScheduleSettings } from "../../../src/server/backups/schedule.ts";
import { scheduleOf } from "../../../src/server/backups/settings.ts";
import type { Store } from "../../../src/server/core/store/types.ts";
import { collected, inPieces, readAll } from "../../backup/archives.ts";
import { testServer } from "../../support/server.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";
import { dialects, filled, now as start } from "./stores.ts";

const hour = 3_600_000;

async function setUp({ dialect = 0, ...some }: Partial<ScheduleSettings> & { dialect?: number } = {}) {
  const store: Store = await dialects[dialect]![1]();
  onTestFinished(() => store.close());
  await filled(store);
  const folder = join(temporaryFolder(), "backups");
  mkdirSync(folder);
  const clock = { passed: 0 };
  const log: string[] = [];
  const make = (node = "one") =>
    new BackupSchedule({
      store,
      settings: { folder, every: 24 * hour, keep: 3, recipients: [], ...some },
      node,
      now: () => start + clock.passed,
      elapsed: () => clock.passed,
      log: { info: (text: string) => log.push(text), error: (text: string) => log.push(text) } as never,
      gauges: { gauge() {} },
    });
  return { store, folder, clock, log, make, files: () => readdirSync(folder).sort() };
}

describe("backups at intervals", () => {
  it("are made when it is time, checked, and the newest are kept", async () => {
    const { folder, clock, make, files } = await setUp();
    writeFileSync(join(folder, "mine.tar.zst"), "x");
    const schedule = make();
    await schedule.run();
    const [first = ""] = files();
    expect(first).toMatch(/^mcpctl-backup-\d{8}T\d{6}Z\.tar\.zst$/);
    expect(statSync(join(folder, first)).mode & 0o777).toBe(0o600);
    expect((await readAll(readFileSync(join(folder, first)))).manifest.secrets).toBe("references");
    expect(schedule.state).toMatchObject({ name: first, failedAt: null, reason: null });
    await schedule.run();
    clock.passed += 23 * hour;
    await schedule.run();
    expect(files().length).toBe(2);
    for (let day = 0; day < 4; day++) {
      clock.passed += 24 * hour;
      await schedule.run();
    }
    expect(files()).toEqual([...files().filter((name) => name.startsWith("mcpctl")), "mine.tar.zst"]);
    expect(files().length).toBe(4);
    expect(files()).not.toContain(first);
    // Another start goes on where this one was.
    const next = make();
    await next.run();
    expect(files().length).toBe(4);
    expect(next.state.nextAt).toBe(schedule.state.nextAt);
  });

  it("that fail are told, leave no half file, and are tried again (failure mode 204)", async () => {
    const { folder, clock, log, make, files } = await setUp();
    rmSync(folder, { recursive: true });
    const schedule = make();
    await schedule.run();
    expect(schedule.state).toMatchObject({
      lastAt: null,
      name: null,
      failedAt: new Date(start).toISOString(),
    });
    expect(schedule.state.reason).toContain("cannot use the folder the folder of backups");
    expect(log.at(-1)).toContain(`the backup failed: cannot use the folder ${folder}`);
    mkdirSync(folder);
    await schedule.run();
    expect(files()).toEqual([]);
    clock.passed += hour;
    await schedule.run();
    expect(files().length).toBe(1);
    expect(schedule.state).toMatchObject({ failedAt: null, reason: null });
  });

  it("leave nothing of an earlier process that was killed (failure mode 203)", async () => {
    const { folder, make, files } = await setUp();
    const half = (node: string) => `.mcpctl-backup-20251129T120000Z.tar.zst.${node}.part`;
    for (const node of ["one", "two", "three"]) writeFileSync(join(folder, half(node)), "half");
    utimesSync(join(folder, half("three")), 1, 1);
    await make("one").run();
    expect(files()).toEqual([half("two"), expect.stringMatching(/^mcpctl-backup/)]);
  });

  it("are not written through a link that somebody has put in their place (T240)", async () => {
    const { folder, make, files } = await setUp();
    const target = join(temporaryFolder(), "target");
    writeFileSync(target, "mine");
    const name = `mcpctl-backup-${new Date(start).toISOString().replace(/\.\d+|[:-]/g, "")}.tar.zst`;
    symlinkSync(target, join(folder, `.${name}.one.part`));
    await make().run();
    expect(readFileSync(target, "utf8")).toBe("mine");
    expect(files()).toEqual([name]);
  });

  it("are made by one of the servers on a database at a time", async () => {
    const { store, folder, make, files } = await setUp({ dialect: 1 });
    const copy = await store.copy(true);
    await make("two").run();
    expect(files()).toEqual([]);
    await copy?.close();
    const second = make("two");
    await second.run();
    expect(files().length).toBe(1);
    expect((await readAll(readFileSync(join(folder, files()[0]!)))).manifest.dialect).toBe("postgres");
  });

  it("have the values of secrets only for the holder of a key", async () => {
    const { key, recipient } = await newTransferKey();
    const { folder, make, files } = await setUp({ recipients: [recipient] });
    await make().run();
    const bytes = readFileSync(join(folder, files()[0]!));
    expect(files()[0]).toMatch(/\.tar\.zst\.age$/);
    expect(bytes.includes("MARKED-VALUE")).toBe(false);
    const { rows } = await readAll(await collected(decrypted(inPieces(bytes), key)));
    expect(JSON.stringify(rows)).toContain("MARKED-VALUE");
  });

  it("end with the server, and leave no half file", async () => {
    const { make, files } = await setUp();
    const schedule = make();
    const running = schedule.run();
    await schedule.stop();
    await running;
    await schedule.run();
    expect(files().filter((name) => name.endsWith(".part"))).toEqual([]);
    expect(schedule.state.failedAt).toBeNull();
  });

  it("show in the status, in /readyz and in the metrics", async () => {
    const folder = join(temporaryFolder(), "backups");
    mkdirSync(folder);
    const settings = { folder, every: hour, keep: 2, recipients: [] };
    const server = await testServer({ backups: settings });
    const until = async (what: () => Promise<boolean>) => {
      while (!(await what())) await Bun.sleep(20);
    };
    const state = async () => (await server.admin("GET", "/api/v1/status")).body.backups;
    await until(async () => (await state()).lastAt !== null);
    expect(await state()).toMatchObject({ name: readdirSync(folder)[0], failedAt: null });
    expect((await server.as()("GET", "/readyz")).text).toBe("ok\n");
    expect((await server.admin("GET", "/metrics")).text).toMatch(/^mcpctl_backup_failed(\{\})? 0$/m);
    const other = join(temporaryFolder(), "missing");
    const failing = await testServer({ backups: { ...settings, folder: other } });
    await until(async () => (await failing.admin("GET", "/api/v1/status")).body.backups.failedAt !== null);
    const ready = await failing.as()("GET", "/readyz");
    expect(ready).toMatchObject({
      status: 200,
      text: expect.stringMatching(/^ok\nthe last backup failed at 20\S+Z\n$/),
    });
    expect(ready.text).not.toContain(other);
    expect((await failing.admin("GET", "/metrics")).text).toMatch(/^mcpctl_backup_failed(\{\})? 1$/m);
  });
});

/** A mount of one's own, and gone with the process, is something that Linux gives to anybody, unless forbidden. */
const mountable = Bun.spawnSync(["unshare", "-rm", "mount", "-t", "tmpfs", "none", "/mnt"]).success;

it.runIf(mountable)(
  "backups go on when a full disk has room again, and keep the old ones (failure mode 204)",
  () => {
    const folder = temporaryFolder();
    const disk = join(folder, "disk");
    mkdirSync(disk);
    const script = `mount -t tmpfs -o size=72m none ${disk} && exec "$@"`;
    const words = [
      process.execPath,
      join(import.meta.dirname, "small-disk.ts"),
      disk,
      join(folder, "mcpctl.db"),
    ];
    const { stdout, stderr } = Bun.spawnSync(["unshare", "-rm", "sh", "-c", script, "sh", ...words]);
    expect(stderr.toString()).toBe("");
    const [first, full, still, last] = JSON.parse(stdout.toString());
    expect(first).toMatchObject({ files: [expect.any(String)], reason: null, next: hour });
    const reason = "there is no room on the disk for a backup";
    expect(full).toEqual({ files: first.files, reason, next: hour / 6 });
    expect(still).toEqual(full);
    expect(last).toMatchObject({ reason: null, next: hour });
    expect(last.files).toEqual(expect.arrayContaining(first.files));
    expect(last.files).toHaveLength(2);
  },
);

describe("the flags of backups", () => {
  const flags = {
    "backup-dir": "/b",
    "backup-every": undefined,
    "backup-keep": undefined,
    "backup-recipient": [] as string[],
  };

  it("have defaults, and variables", () => {
    expect(scheduleOf(flags, {})).toEqual({ folder: "/b", every: 24 * hour, keep: 7, recipients: [] });
    expect(scheduleOf({ ...flags, "backup-dir": undefined }, {})).toBeUndefined();
    const env = { MCPCTL_BACKUP_DIR: "/c", MCPCTL_BACKUP_EVERY: "2h", MCPCTL_BACKUP_KEEP: "1" };
    expect(scheduleOf({ ...flags, "backup-dir": undefined }, env)).toMatchObject({
      folder: "/c",
      every: 2 * hour,
      keep: 1,
    });
  });

  it.each([
    [{ "backup-every": "soon" }, '--backup-every: "soon" is not a time'],
    [{ "backup-keep": "0" }, '--backup-keep: "0" is not a number of 1 or more'],
    [{ "backup-recipient": ["x"] }, "is not a public key of age"],
    [{ "backup-dir": undefined, "backup-keep": "3" }, "--backup-keep needs --backup-dir"],
    [{ "backup-dir": undefined, "backup-recipient": ["x"] }, "--backup-recipient needs --backup-dir"],
  ])("are refused when they make no sense: %j", (some, error) => {
    expect(() => scheduleOf({ ...flags, ...some }, {})).toThrow(error);
  });
});
