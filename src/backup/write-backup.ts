import { createHash } from "node:crypto";
import { Readable } from "node:stream";
import { constants, createZstdCompress } from "node:zlib";
import { type BackupManifest, format, type ManifestMember, manifestName, memberName } from "./manifest.ts";
import { sealed } from "./seal.ts";
import { tarEnd, tarHeader, tarPadding } from "./tar.ts";

/** A table to write: its columns, and its rows as lines of JSON without their line feed. */
export interface BackupTable {
  name: string;
  columns: readonly string[];
  lines(): AsyncIterable<readonly string[]>;
}

/** Facts about a backup that its rows do not tell. */
export type BackupFacts = Pick<
  BackupManifest,
  "version" | "migration" | "dialect" | "createdAt" | "secrets" | "audit"
>;

/** Bytes after which a table goes on in another member. A member is put together in memory: its size stands before it. */
const memberBytes = 256 * 1024;
/** Members of a table after which they grow by that size, so that the largest tables do not have too many. */
const growAfter = 1000;

/**
 * Yields the bytes of a backup: a tar archive, compressed with zstd and sealed. No more than one member of it is in
 * memory at a time.
 */
export function writeBackup(facts: BackupFacts, tables: readonly BackupTable[]): AsyncGenerator<Uint8Array> {
  const archive = Readable.from(members(facts, tables), { objectMode: true, highWaterMark: 1 });
  const zstd = createZstdCompress({
    params: { [constants.ZSTD_c_compressionLevel]: 3, [constants.ZSTD_c_checksumFlag]: 1 },
  });
  archive.on("error", (error) => zstd.destroy(error));
  zstd.on("close", () => archive.destroy());
  archive.pipe(zstd);
  return sealed(zstd);
}

async function* members(facts: BackupFacts, tables: readonly BackupTable[]): AsyncGenerator<Buffer> {
  const seconds = Date.parse(facts.createdAt) / 1000;
  const written: ManifestMember[] = [];
  const counts: BackupManifest["tables"] = [];
  const member = (name: string, rows: number, text: string): Buffer => {
    const bytes = Buffer.from(text);
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    written.push({ name, size: bytes.length, rows, sha256 });
    return Buffer.concat([tarHeader(name, bytes.length, seconds), bytes, tarPadding(bytes.length)]);
  };
  for (const { name, columns, lines } of tables) {
    let text = "";
    let part = 1;
    let inPart = 0;
    let rows = 0;
    for await (const some of lines())
      for (const line of some) {
        const most = memberBytes * (1 + Math.floor(part / growAfter));
        if (text.length + line.length > most && inPart > 0) {
          yield member(memberName(name, part++), inPart, text);
          [text, inPart] = ["", 0];
        }
        text += `${line}\n`;
        inPart++;
        rows++;
      }
    yield member(memberName(name, part), inPart, text);
    counts.push({ name, columns: [...columns], rows });
  }
  const manifest: BackupManifest = { product: "mcpctl", format, ...facts, tables: counts, members: written };
  yield member(manifestName, 0, `${JSON.stringify(manifest, null, 2)}\n`);
  yield tarEnd();
}
