import { createHash } from "node:crypto";
import { constants, zstdCompressSync } from "node:zlib";
import type { BackupManifest } from "../../src/backup/manifest.ts";
import { readBackup } from "../../src/backup/read-backup.ts";
import { tarEnd, tarHeader, tarPadding } from "../../src/backup/tar.ts";
import { type BackupTable, writeBackup } from "../../src/backup/write-backup.ts";

export const facts = {
  version: "0.1.0",
  migration: "0009_former_names",
  dialect: "sqlite",
  createdAt: "2026-11-29T12:00:00.000Z",
  secrets: "references",
  audit: true,
} as const;

/** A table of rows that are given as they are. */
export function tableOf(name: string, rows: readonly object[]): BackupTable {
  return {
    name,
    columns: ["id"],
    async *lines() {
      for (const row of rows) yield [JSON.stringify(row)];
    },
  };
}

export async function collected(bytes: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of bytes) pieces.push(piece);
  return Buffer.concat(pieces);
}

export function backupOf(...tables: BackupTable[]): Promise<Buffer> {
  return collected(writeBackup(facts, tables));
}

/** Yields bytes in pieces. */
export async function* inPieces(bytes: Uint8Array, size = 64 * 1024): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

/** Reads a backup. Returns its manifest and its rows by table. */
export async function readAll(bytes: Uint8Array, size?: number) {
  const rows: Record<string, unknown[]> = {};
  const manifest = await readBackup(inPieces(bytes, size), {
    wants: () => true,
    lines(table, lines) {
      const known = rows[table] ?? [];
      known.push(...lines.map((line) => JSON.parse(line)));
      rows[table] = known;
    },
  });
  return { manifest, rows };
}

export interface Member {
  name: string;
  text: string;
}

/** The manifest that tells the truth about members. */
export function manifestOf(members: readonly Member[], other: object = {}): BackupManifest {
  const counts = new Map<string, number>();
  const described = members.map(({ name, text }) => {
    const rows = text.split("\n").length - 1;
    const table = name.split(".")[0]!;
    counts.set(table, (counts.get(table) ?? 0) + rows);
    return {
      name,
      size: Buffer.byteLength(text),
      rows,
      sha256: createHash("sha256").update(text).digest("hex"),
    };
  });
  const tables = [...counts].map(([name, rows]) => ({ name, columns: ["id"], rows }));
  return { product: "mcpctl", format: 1, ...facts, tables, members: described, ...other };
}

/** A file with a right seal, whatever is in it: what somebody makes who knows the format. */
export function crafted(tar: Uint8Array, params = {}): Buffer {
  const body = zstdCompressSync(tar, { params: { [constants.ZSTD_c_checksumFlag]: 1, ...params } });
  const text = Buffer.concat([
    Buffer.from("mcpctl backup sha256 "),
    createHash("sha256").update(body).digest(),
  ]);
  const head = Buffer.alloc(8);
  head.writeUInt32LE(0x184d2a50, 0);
  head.writeUInt32LE(text.length, 4);
  return Buffer.concat([body, head, text]);
}

export function tarOf(members: readonly Member[]): Buffer {
  return Buffer.concat([
    ...members.flatMap(({ name, text }) => [
      tarHeader(name, Buffer.byteLength(text), 0),
      Buffer.from(text),
      tarPadding(Buffer.byteLength(text)),
    ]),
    tarEnd(),
  ]);
}

/** A backup of members with the manifest that belongs to them. */
export function craftedOf(members: readonly Member[], other: object = {}): Buffer {
  return crafted(
    tarOf([...members, { name: "manifest.json", text: JSON.stringify(manifestOf(members, other)) }]),
  );
}
