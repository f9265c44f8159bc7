import { constants, createZstdCompress } from "node:zlib";
import { BulkGarbage } from "./bulk-garbage.ts";
import { type BackupManifest, format, type ManifestMember, manifestName, memberName } from "./manifest.ts";
import { MemberDraft } from "./member-draft.ts";
import { sealed } from "./seal.ts";
import { tarEnd } from "./tar.ts";
import { through } from "./through.ts";

/** A table to write: its columns, and its rows as lines of JSON without their line feed. */
export interface BackupTable {
  name: string;
  columns: readonly string[];
  /** Each batch is emptied when it is written. */
  lines(): AsyncIterable<string[]>;
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
  const zstd = createZstdCompress({
    params: { [constants.ZSTD_c_compressionLevel]: 3, [constants.ZSTD_c_checksumFlag]: 1 },
  });
  return sealed(through(members(facts, tables), zstd));
}

/** Yields the members. Each one is gone when the next one is asked for: they share their memory. */
async function* members(facts: BackupFacts, tables: readonly BackupTable[]): AsyncGenerator<Buffer> {
  const seconds = Date.parse(facts.createdAt) / 1000;
  const written: ManifestMember[] = [];
  const counts: BackupManifest["tables"] = [];
  const member = new MemberDraft(seconds);
  const garbage = new BulkGarbage();
  for (const { name, columns, lines } of tables) {
    let part = 1;
    let rows = 0;
    const finished = () => {
      const { bytes, facts } = member.take(memberName(name, part++));
      written.push(facts);
      rows += facts.rows;
      return bytes;
    };
    for await (const some of lines()) {
      let bytes = 0;
      for (const line of some) {
        const most = memberBytes * (1 + Math.floor(part / growAfter));
        if (member.size + line.length > most && member.rows > 0) yield finished();
        member.add(line);
        bytes += line.length;
      }
      // What is in use while young objects are collected becomes old, and stays.
      some.length = 0;
      garbage.add(bytes);
    }
    yield finished();
    counts.push({ name, columns: [...columns], rows });
  }
  const manifest: BackupManifest = { product: "mcpctl", format, ...facts, tables: counts, members: written };
  member.add(JSON.stringify(manifest, null, 2));
  yield member.take(manifestName).bytes;
  yield tarEnd();
}
