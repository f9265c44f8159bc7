import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readBackup, rowCounter } from "../../src/backup/read-backup.ts";
import { tarEnd, tarHeader, tarPadding } from "../../src/backup/tar.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { backupOf, crafted, craftedOf, inPieces, manifestOf, readAll, tableOf, tarOf } from "./archives.ts";

const small = () => backupOf(tableOf("resources", [{ id: "a" }, { id: "b" }]), tableOf("refs", []));
const damaged = { code: "invalid_request", message: expect.stringContaining("the backup is damaged") };

describe("a backup", () => {
  it("gives back every row, in whatever pieces it comes", async () => {
    const rows = Array.from({ length: 3000 }, (_, id) => ({ id, text: `größe ${id} 🦙\n${"x".repeat(id)}` }));
    const bytes = await backupOf(tableOf("resources", [{ id: "a" }]), tableOf("audit_events", rows));
    for (const size of [1000, 64 * 1024, bytes.length]) {
      const read = await readAll(bytes, size);
      expect(read.rows).toEqual({ resources: [{ id: "a" }], audit_events: rows });
      expect(read.manifest.tables.map(({ name, rows }) => [name, rows])).toEqual([
        ["resources", 1],
        ["audit_events", 3000],
      ]);
      // A large table goes on in further members.
      expect(read.manifest.members.map(({ name }) => name)).toContain("audit_events.2.ndjson");
    }
  });

  it("has the same bytes when nothing has changed", async () => {
    expect((await small()).equals(await small())).toBe(true);
  });

  it("is a tar archive that other programs unpack, and sha256sum agrees", async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, "b.tar.zst"), await small());
    execFileSync("sh", ["-c", "zstd -q -d b.tar.zst && tar xf b.tar"], { cwd: folder });
    const { members } = JSON.parse(readFileSync(join(folder, "manifest.json"), "utf8"));
    for (const { name, sha256 } of members)
      expect(execFileSync("sha256sum", [name], { cwd: folder, encoding: "utf8" })).toContain(sha256);
    expect(readFileSync(join(folder, "resources.ndjson"), "utf8")).toBe('{"id":"a"}\n{"id":"b"}\n');
  });

  it("is refused with any bit changed (T236)", async () => {
    const bytes = await small();
    await fc.assert(
      fc.asyncProperty(fc.nat(bytes.length - 1), fc.nat(7), async (at, bit) => {
        const changed = Buffer.from(bytes);
        changed[at]! ^= 1 << bit;
        await expect(readBackup(inPieces(changed))).rejects.toMatchObject(damaged);
      }),
      { numRuns: 400 },
    );
  });

  it("is refused without its end, wherever it was cut off, and with bytes behind it", async () => {
    const bytes = await small();
    for (let length = 0; length < bytes.length; length++)
      await expect(readBackup(inPieces(bytes.subarray(0, length)))).rejects.toMatchObject(damaged);
    await expect(readBackup(inPieces(Buffer.concat([bytes, Buffer.from("x")])))).rejects.toMatchObject(
      damaged,
    );
    await expect(readBackup(inPieces(Buffer.alloc(0)))).rejects.toThrow("the file is empty");
    await expect(readBackup(inPieces(Buffer.concat([bytes, bytes])))).rejects.toMatchObject(damaged);
  });
});

describe("a backup that somebody made by hand (T237)", () => {
  const member = { name: "resources.ndjson", text: '{"id":1}\n' };

  it("is read if it is right", async () => {
    expect((await readAll(craftedOf([member]))).rows).toEqual({ resources: [{ id: 1 }] });
  });

  it.each([
    ["../../etc/passwd"],
    ["/etc/passwd"],
    ["resources.json"],
    ["resources.1.ndjson"],
    ["resources.2.ndjson"],
    ["resources.ndjson/x"],
    ["Resources.ndjson"],
    [""],
  ])("is refused with a member of the name %j", async (name) => {
    await expect(readAll(craftedOf([{ ...member, name }]))).rejects.toMatchObject(damaged);
  });

  it.each([
    ["a member twice", [member, member]],
    ["parts in another order", [member, { ...member, name: "resources.3.ndjson" }]],
    [
      "a part behind another table",
      [member, { ...member, name: "refs.ndjson" }, { ...member, name: "resources.2.ndjson" }],
    ],
    ["half a line", [{ ...member, text: '{"id":1}' }]],
  ])("is refused with %s", async (_what, members) => {
    await expect(readAll(craftedOf(members))).rejects.toMatchObject(damaged);
  });

  const truth = manifestOf([member]);
  it.each([
    ["another count of rows", { members: [{ ...truth.members[0], rows: 2 }] }],
    ["another count of a table", { tables: [{ name: "resources", columns: ["id"], rows: 2 }] }],
    ["another size", { members: [{ ...truth.members[0], size: 8 }] }],
    ["another hash", { members: [{ ...truth.members[0], sha256: "0".repeat(64) }] }],
    ["a member that is not there", { members: [...truth.members, ...truth.members] }],
    ["a table that is not there", { tables: [...truth.tables, { name: "refs", columns: ["id"], rows: 0 }] }],
    ["a table twice", { tables: [...truth.tables, ...truth.tables] }],
    ["no members", { members: [] }],
    ["a field too many", { extra: 1 }],
    ["a wrong product", { product: "other" }],
    ["a wrong time", { createdAt: "yesterday" }],
  ])("is refused if its manifest tells of %s", async (_what, other) => {
    await expect(readAll(craftedOf([member], other))).rejects.toMatchObject(damaged);
  });

  it("is refused without a manifest, with one that is no JSON, and with members behind it", async () => {
    const manifest = { name: "manifest.json", text: JSON.stringify(truth) };
    for (const members of [
      [member],
      [member, { ...manifest, text: "{" }],
      [manifest, member],
      [member, manifest, manifest],
    ])
      await expect(readAll(crafted(tarOf(members)))).rejects.toMatchObject(damaged);
  });

  it("of a newer format says which mcpctl to install, whatever else is in it", async () => {
    const newer = craftedOf([member, { name: "blobs/1.bin", text: "x" }], {
      format: 2,
      version: "9.1.0",
      blobs: {},
    });
    await expect(readAll(newer)).rejects.toMatchObject({
      code: "not_supported",
      message: "the backup was written by a newer mcpctl 9.1.0: it has format 2",
      hint: expect.stringContaining("Install mcpctl 9.1.0 or newer"),
    });
  });

  it.each([
    ["a link", (header: Buffer) => header.write("2", 156)],
    ["an owner", (header: Buffer) => header.write("0000001", 108)],
    ["a wrong checksum", (header: Buffer) => header.write("000000", 148)],
    ["a size in base 256", (header: Buffer) => header.writeUInt8(0x80, 124)],
    ["bytes behind its name", (header: Buffer) => header.write("x", 99)],
  ])("is refused with %s in a header", async (_what, change) => {
    const header = tarHeader("resources.ndjson", 0, 0);
    change(header);
    await expect(readAll(crafted(Buffer.concat([header, tarEnd()])))).rejects.toMatchObject(damaged);
  });

  it("is checked and counted in the same way where its rows are not wanted", async () => {
    const bytes = await small();
    for (const size of [1, 7, 512, bytes.length]) {
      let counted = 0;
      const reader = rowCounter((more) => {
        counted += more;
      });
      const manifest = await readBackup(inPieces(bytes, size), reader);
      expect(manifest).toEqual((await readAll(bytes)).manifest);
      expect(counted).toBe(manifest.tables.reduce((sum, { rows }) => sum + rows, 0));
    }
    const cut = Buffer.from('{"a":1}\n{"b":');
    const open = crafted(
      Buffer.concat([tarHeader("usage.ndjson", cut.length, 0), cut, tarPadding(cut.length), tarEnd()]),
    );
    await expect(readBackup(inPieces(open))).rejects.toMatchObject({
      message: expect.stringContaining("ends within a row"),
    });
  });

  it("that is a bomb is refused before it is unpacked", async () => {
    const size = 128 * 1024 * 1024;
    const bomb = crafted(Buffer.concat([tarHeader("resources.ndjson", size, 0), Buffer.alloc(size)]));
    expect(bomb.length).toBeLessThan(20_000);
    let rows = 0;
    const count = (more: number) => {
      rows += more;
    };
    for (const wants of [true, false]) {
      const reader = {
        wants: () => wants,
        lines: (_: string, all: readonly string[]) => count(all.length),
        counted: count,
      };
      await expect(readBackup(inPieces(bomb), reader)).rejects.toMatchObject({
        message: expect.stringContaining("a bomb"),
      });
    }
    expect(rows).toBe(0);
  });

  it("with a member of several gigabytes is refused at its header", async () => {
    const header = tarHeader("resources.ndjson", 4 * 1024 ** 3, 0);
    await expect(readAll(crafted(header))).rejects.toMatchObject({
      message: expect.stringContaining("4294967296 bytes"),
    });
  });
});

it("a file that is no backup is told as such", async () => {
  for (const text of ["PK\u0003\u0004 a zip", "a", "{}"])
    await expect(readBackup(inPieces(Buffer.from(text), 1))).rejects.toMatchObject({
      message: "the backup is damaged: the file does not begin as a backup of mcpctl does",
    });
});
