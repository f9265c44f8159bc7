import {
  chmodSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { type KeyRing, masterKey } from "../../../src/backends/master-keys.ts";
import { findKeyFile, readKeyRing, saveKeyRing } from "../../../src/server/secrets/key-file.ts";
import { freshFolder } from "../core/store/folder.ts";

const bytes = Buffer.from("00112233445566778899aabbccddeeff0f1e2d3c4b5a69788796a5b4c3d2e1f0", "hex");
const key = masterKey(bytes);
const next = masterKey(new Uint8Array(32).fill(7));
const day = Date.UTC(2026, 10, 21, 23, 59);

/** Writes a key file for one test, with mode 0600. */
function keyFile(
  content: string | Uint8Array = `${bytes.toString("base64")}\n`,
  name = "master-key",
  mode = 0o600,
) {
  const path = join(freshFolder(), name);
  writeFileSync(path, content);
  chmodSync(path, mode);
  return path;
}

const read = (path: string, fromSystemd = false) => readKeyRing({ path, fromSystemd });
const ids = ({ keys }: KeyRing) => keys.map(({ id }) => id);
const save = (path: string, ring = read(path).withNew(next), fromSystemd = false) =>
  saveKeyRing({ path, fromSystemd }, ring, day);

describe("the master key file", () => {
  it("is the one of the flag, else of the environment, else systemd's credential if it exists", () => {
    const credentials = freshFolder();
    const credential = join(credentials, "master-key");
    const env = { MCPCTL_MASTER_KEY_FILE: "/env", CREDENTIALS_DIRECTORY: credentials };
    const find = (flag?: string, from: Record<string, string | undefined> = env) =>
      findKeyFile({ flag, env: from });
    expect(find("/flag")).toEqual({ path: "/flag", fromSystemd: false });
    expect(find()).toEqual({ path: "/env", fromSystemd: false });
    const { MCPCTL_MASTER_KEY_FILE: _, ...rest } = env;
    expect(find(undefined, rest)).toBeUndefined();
    expect(find(undefined, {})).toBeUndefined();
    writeFileSync(credential, bytes);
    for (const given of [
      rest,
      { ...env, MCPCTL_MASTER_KEY_FILE: "" },
      { MCPCTL_MASTER_KEY_FILE: credential, ...rest },
    ])
      expect(find(undefined, given)).toEqual({ path: credential, fromSystemd: true });
    expect(find()).toEqual({ path: "/env", fromSystemd: false });
    // One that is asked for by name and is not there is no reason to go without.
    expect(() => read(find("")!.path)).toThrow(/cannot be read: it does not exist \(ENOENT\)/);
  });

  it("is read through a symbolic link, as bytes or as text", () => {
    const path = keyFile();
    const link = join(dirname(path), "link");
    symlinkSync(basename(path), link);
    expect(ids(read(link))).toEqual([key.id]);
    expect(ids(read(keyFile(bytes)))).toEqual([key.id]);
    expect(ids(read(keyFile(bytes.toString("hex"), "master-key", 0o400)))).toEqual([key.id]);
  });

  it("is refused if others than its owner may read or change it (T85)", () => {
    const path = keyFile();
    const link = join(dirname(path), "link");
    symlinkSync(path, link);
    for (const mode of [0o640, 0o604, 0o620, 0o602, 0o610, 0o601, 0o644, 0o666]) {
      chmodSync(path, mode);
      for (const at of [path, link]) {
        expect(() => read(at)).toThrow(
          expect.objectContaining({
            code: "unavailable",
            message: `master key file ${at}: others than its owner may read or change it`,
            hint: `chmod 600 ${at}`,
          }),
        );
      }
      // systemd says who may read its credentials, and 0440 with an access list is one of its ways.
      expect(ids(read(path, true))).toEqual([key.id]);
    }
    chmodSync(path, 0o600);
    expect(ids(read(link))).toEqual([key.id]);
  });

  it("is refused at once if it is missing, too large or not a regular file", () => {
    const folder = freshFolder();
    const at = (name: string) => join(folder, name);
    mkdirSync(at("folder"), 0o700);
    expect(Bun.spawnSync(["mkfifo", "-m", "600", at("pipe")]).success).toBe(true);
    symlinkSync(at("nowhere"), at("dangling"));
    symlinkSync(at("folder"), at("to-folder"));
    for (const name of ["folder", "to-folder", "pipe"])
      expect(() => read(at(name)), name).toThrow(/: it is not a regular file$/);
    for (const name of ["missing", "dangling"])
      expect(() => read(at(name)), name).toThrow(/cannot be read: it does not exist \(ENOENT\)$/);
    expect(() => read("/dev/zero", true)).toThrow(/: it is not a regular file$/);

    const line = `${bytes.toString("base64")}\n`;
    const comment = (length: number) => `#${"x".repeat(length - line.length - 1)}`;
    expect(ids(read(keyFile(line + comment(64 * 1024))))).toEqual([key.id]);
    expect(() => read(keyFile(line + comment(64 * 1024 + 1)))).toThrow(/: it is larger than 64 KiB$/);
  });
});

describe("a new key in the file", () => {
  it("is at the top with its date; owner, mode and the rest stay, and no other file is left", () => {
    for (const mode of [0o600, 0o400]) {
      const path = keyFile(`# mine\n${bytes.toString("hex")}\n`, "master-key", mode);
      const before = statSync(path);
      save(path);
      expect(readFileSync(path, "utf8")).toBe(
        `# since 2026-11-21; the keys below open backups made before\n${next.secret.export().toString("base64")}\n# mine\n${bytes.toString("hex")}\n`,
      );
      const { uid, gid, mode: now } = statSync(path);
      expect({ uid, gid, mode: now }).toEqual({ uid: before.uid, gid: before.gid, mode: before.mode });
      expect(readdirSync(dirname(path))).toEqual(["master-key"]);
      expect(ids(read(path))).toEqual([next.id, key.id]);
    }
  });

  it.runIf(process.getuid?.() === 0)("leaves the file to its owner when root puts it there", async () => {
    const path = keyFile();
    expect(Bun.spawnSync(["chown", "65534:65533", path]).success).toBe(true);
    save(path);
    expect(statSync(path)).toMatchObject({ uid: 65534, gid: 65533 });
  });

  it("turns 32 bytes into text, and can be followed by another key", () => {
    const path = keyFile(bytes);
    save(path);
    expect(ids(read(path))).toEqual([next.id, key.id]);
    const third = masterKey(new Uint8Array(32).fill(9));
    save(path, read(path).withNew(third));
    expect(ids(read(path))).toEqual([third.id, next.id, key.id]);
  });

  it("is written to the target of a symbolic link, in one step", () => {
    const path = keyFile();
    const link = join(freshFolder(), "link");
    symlinkSync(path, link);
    const old = `${path}.old`;
    linkSync(path, old);
    save(link);
    expect(ids(read(link))).toEqual([next.id, key.id]);
    expect(ids(read(path))).toEqual([next.id, key.id]);
    // The old file was not written to, so nobody can have seen half of the new one.
    expect(ids(read(old))).toEqual([key.id]);
    expect(readdirSync(dirname(link))).toEqual(["link"]);
  });

  it("is refused if the file has other keys than the server has read, and nothing is changed", () => {
    const path = keyFile();
    const ring = read(path).withNew(next);
    const other = Buffer.alloc(32, 9).toString("base64");
    for (const content of [
      other,
      `${other}\n${bytes.toString("hex")}`,
      `${bytes.toString("hex")}\n${other}`,
    ]) {
      writeFileSync(path, content);
      expect(() => save(path, ring)).toThrow(
        expect.objectContaining({
          code: "conflict",
          message: `${path} has changed since this server read it`,
        }),
      );
      expect(readFileSync(path, "utf8")).toBe(content);
    }
    writeFileSync(path, "garbage");
    expect(() => save(path, ring)).toThrow(/line 1 is not a key/);
    rmSync(path);
    expect(() => save(path, ring)).toThrow(/cannot be read: it does not exist \(ENOENT\)/);
    expect(readdirSync(dirname(path))).toEqual([]);
  });

  it("replaces a temporary file that a crash left", () => {
    const path = keyFile();
    writeFileSync(`${path}.new`, "half a key", { mode: 0o600 });
    save(path);
    expect(ids(read(path))).toEqual([next.id, key.id]);
    expect(readdirSync(dirname(path))).toEqual(["master-key"]);
  });

  it("writes through no link that somebody has put under the name of its temporary file (T87)", () => {
    const path = keyFile();
    const victim = join(freshFolder(), "victim");
    writeFileSync(victim, "of somebody else");
    symlinkSync(victim, `${path}.new`);
    save(path);
    expect(readFileSync(victim, "utf8")).toBe("of somebody else");
    expect(ids(read(path))).toEqual([next.id, key.id]);
  });

  it("leaves no partial file if the disk is full", () => {
    const path = keyFile();
    const source = join(import.meta.dirname, "../../../src");
    const code = `
      import { masterKey } from "${source}/backends/master-keys.ts";
      import { readKeyRing, saveKeyRing } from "${source}/server/secrets/key-file.ts";
      const file = { path: ${JSON.stringify(path)}, fromSystemd: false };
      try {
        saveKeyRing(file, readKeyRing(file).withNew(masterKey(new Uint8Array(32).fill(7))), 0);
      } catch (error) {
        console.log(error.message);
      }`;
    // No file may grow: a full disk, for one process.
    const limited = ["sh", "-c", 'ulimit -f 0; exec "$@"', "sh", process.execPath, "-e", code];
    const { stdout } = Bun.spawnSync(limited);
    expect(stdout.toString()).toBe(
      `the master key file ${path} cannot be changed: the file is too large (EFBIG)\n`,
    );
    expect(ids(read(path))).toEqual([key.id]);
    expect(readdirSync(dirname(path))).toEqual(["master-key"]);
  });

  it("has to be added by hand if the server cannot change the file: the error has every step, and nothing is changed", () => {
    // So long a name that there is none for a file beside it.
    const unwritable = keyFile(undefined, "k".repeat(252));
    const credential = keyFile();
    for (const [path, fromSystemd, why] of [
      [
        unwritable,
        false,
        /^the master key file .* cannot be changed: the path is too long \(ENAMETOOLONG\)$/,
      ],
      [credential, true, /^the master key file is a credential of systemd$/],
    ] as const) {
      const before = readFileSync(path);
      expect(() => save(path, undefined, fromSystemd)).toThrow(
        expect.objectContaining({
          code: "conflict",
          message: expect.stringMatching(why),
          hint: expect.stringMatching(
            /openssl rand -base64 32.*first line.*every server.*restart.*run this again/s,
          ),
        }),
      );
      expect(readFileSync(path)).toEqual(before);
      expect(readdirSync(dirname(path))).toHaveLength(1);
    }
  });
});
