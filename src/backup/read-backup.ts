import { createHash } from "node:crypto";
import { constants, createZstdDecompress } from "node:zlib";
import { AppError } from "../errors.ts";
import { ByteLines, LineTooLong } from "../wire/byte-lines.ts";
import { Pieces } from "../wire/pieces.ts";
import {
  type BackupManifest,
  damaged,
  type ManifestMember,
  manifestName,
  maxManifestBytes,
  parseManifest,
  partOf,
} from "./manifest.ts";
import { unsealed } from "./seal.ts";
import { readTar } from "./tar.ts";
import { through } from "./through.ts";
import { YoungGarbage } from "./young-garbage.ts";

/** The most bytes of a row: a message of 32 MB, with every character escaped. */
const maxLineBytes = 96 * 1024 * 1024;
/** The most members. */
const maxMembers = 100_000;
/** Bytes that a compressed byte may stand for, and those that any backup may have: what has more is a bomb (T236). */
const mostPerByte = 2000;
const alwaysAllowed = 64 * 1024 * 1024;
/** The window that a reader keeps in memory, as a power of two: 8 MB. The writer's level needs 2 MB. */
const maxWindowLog = 23;

/** Receives the rows of a table: lines of JSON. They are not proven yet: the manifest stands behind them. */
export type OnLines = (table: string, lines: readonly string[]) => void | Promise<void>;

/**
 * Reads a backup and checks it: seal, checksums, members, counts and the manifest. Throws AppError `invalid_request` if
 * a byte is wrong, and `not_supported` if a newer mcpctl wrote it.
 *
 * @param onLines gets the rows as they come; whatever it does must be undone if this throws
 */
export async function readBackup(
  source: AsyncIterable<Uint8Array>,
  onLines: OnLines = () => {},
): Promise<BackupManifest> {
  let compressed = 0;
  const counted = async function* () {
    for await (const bytes of source) {
      compressed += bytes.length;
      yield bytes;
    }
  };
  const zstd = createZstdDecompress({
    params: { [constants.ZSTD_d_windowLogMax]: maxWindowLog },
  });
  const bounded = async function* () {
    let size = 0;
    for await (const bytes of through(unsealed(counted()), zstd)) {
      size += bytes.length;
      if (size > alwaysAllowed + compressed * mostPerByte)
        throw damaged("it is a bomb: it unpacks to far too much");
      yield bytes;
    }
  };
  try {
    return await readMembers(bounded(), onLines);
  } catch (error) {
    if (error instanceof AppError) throw error;
    const { code } = error as { code?: string };
    if (code?.startsWith("ZSTD_") || code === "ERR_STREAM_PREMATURE_CLOSE")
      throw damaged("it does not unpack", error);
    throw error;
  }
}

async function readMembers(archive: AsyncIterable<Uint8Array>, onLines: OnLines): Promise<BackupManifest> {
  const found: ManifestMember[] = [];
  const names = new MemberNames();
  const garbage = new YoungGarbage();
  let manifest: BackupManifest | undefined;
  let member: OpenMember | undefined;
  for await (const event of readTar(archive)) {
    if ("name" in event) {
      if (manifest) throw damaged("it has a member behind the manifest");
      if (found.length >= maxMembers) throw damaged("it has too many members");
      names.add(event.name);
      member = new OpenMember(event, names.strange === undefined);
    } else {
      await member!.add(event.bytes, onLines);
      garbage.add(event.bytes.length);
    }
    if (!member!.isWhole) continue;
    if (member!.name === manifestName) manifest = parseManifest(member!.text());
    else found.push(member!.facts());
  }
  if (!manifest) throw damaged("it has no manifest");
  // After the manifest: a newer format may have other members.
  if (names.strange !== undefined)
    throw damaged(`it has a member of another name or in another place: ${JSON.stringify(names.strange)}`);
  compare(manifest, found);
  return manifest;
}

/** Checks that the parts of each table follow each other. */
class MemberNames {
  readonly #tables = new Set<string>();
  #last = { table: "", part: 0 };
  /** The first name that should not stand where it stands. */
  strange: string | undefined;

  add(name: string): void {
    if (name === manifestName) return;
    const place = partOf(name);
    const isNext = place?.table === this.#last.table && place.part === this.#last.part + 1;
    const isFirst = place?.part === 1 && !this.#tables.has(place.table);
    if (!place || !(isNext || isFirst)) this.strange ??= name;
    if (!place) return;
    this.#last = place;
    this.#tables.add(place.table);
  }
}

/** A member that is being read. */
class OpenMember {
  readonly name: string;
  readonly #size: number;
  readonly #table: string | undefined;
  readonly #lines: ByteLines | undefined;
  readonly #text = new Pieces();
  readonly #hash = createHash("sha256");
  #left: number;
  #rows = 0;

  /** @param isKnown false for one that only a newer mcpctl understands, which is only hashed */
  constructor({ name, size }: { name: string; size: number }, isKnown: boolean) {
    this.name = name;
    this.#size = size;
    this.#left = size;
    this.#table = isKnown ? partOf(name)?.table : undefined;
    if (this.#table !== undefined) this.#lines = new ByteLines(maxLineBytes);
    if (name === manifestName && size > maxManifestBytes) throw damaged("its manifest is too large");
  }

  get isWhole(): boolean {
    return this.#left === 0;
  }

  async add(bytes: Buffer, onLines: OnLines): Promise<void> {
    this.#left -= bytes.length;
    if (this.name === manifestName) return this.#text.add(bytes);
    this.#hash.update(bytes);
    if (!this.#lines) return;
    let lines: string[];
    try {
      lines = [...this.#lines.push(bytes)];
    } catch (error) {
      if (error instanceof LineTooLong) throw damaged(`a row of ${this.#table} is too long`, error);
      throw error;
    }
    this.#rows += lines.length;
    if (lines.length > 0) await onLines(this.#table!, lines);
  }

  /** Returns all of it as text. */
  text(): string {
    return this.#text.take().toString("utf8");
  }

  /** Returns what the manifest must tell of it. */
  facts(): ManifestMember {
    if (this.#lines && this.#lines.rest() !== "") throw damaged(`${this.name} ends within a row`);
    return { name: this.name, size: this.#size, rows: this.#rows, sha256: this.#hash.digest("hex") };
  }
}

/** Throws AppError if the manifest does not describe the members that were read. */
function compare({ members, tables }: BackupManifest, found: readonly ManifestMember[]): void {
  if (members.length !== found.length)
    throw damaged(`it has ${found.length} members, and its manifest tells of ${members.length}`);
  for (const [i, { name, size, rows, sha256 }] of members.entries()) {
    const is = found[i]!;
    if (is.name !== name || is.size !== size || is.rows !== rows || is.sha256 !== sha256)
      throw damaged(`${is.name} is not what its manifest tells`);
  }
  const sums = new Map<string, number>();
  for (const { name, rows } of found) {
    const { table } = partOf(name)!;
    sums.set(table, (sums.get(table) ?? 0) + rows);
  }
  const names = tables.map(({ name }) => name);
  if (
    new Set(names).size !== names.length ||
    names.length !== sums.size ||
    !tables.every(({ name, rows }) => sums.get(name) === rows)
  )
    throw damaged("its tables are not what its manifest tells");
}
