import { createHash } from "node:crypto";
import { constants, createZstdDecompress } from "node:zlib";
import { AppError } from "../errors.ts";
import { ByteLines, LineTooLong } from "../wire/byte-lines.ts";
import { Pieces } from "../wire/pieces.ts";
import { BulkGarbage } from "./bulk-garbage.ts";
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

/** The most bytes of a row: a message of 32 MB, with every character escaped. */
const maxLineBytes = 96 * 1024 * 1024;
const lineFeed = 10;
/** The first bytes of each backup (RFC 8878, 3.1.1). */
const zstdMagic = Buffer.from([0x28, 0xb5, 0x2f, 0xfd]);
/** The most members. */
const maxMembers = 100_000;
/** Bytes that a compressed byte may stand for, and those that any backup may have: what has more is a bomb (T236). */
const mostPerByte = 2000;
const alwaysAllowed = 64 * 1024 * 1024;
/** The window that a reader keeps in memory, as a power of two: 8 MB. The writer's level needs 2 MB. */
const maxWindowLog = 23;

/** Receives the rows of a backup. They are not proven yet: the manifest stands behind them. */
export interface RowReader {
  /** True if the rows of a table are wanted as text. Those of others are only counted, which takes no memory. */
  wants(table: string): boolean;
  /** Takes the next rows of a table: lines of JSON. */
  lines(table: string, lines: readonly string[]): void | Promise<void>;
  /** Takes the number of the next rows of a table that is not wanted. */
  counted?(rows: number): void;
}

/** Returns a reader that wants no rows and only counts them. */
export function rowCounter(counted: (rows: number) => void = () => {}): RowReader {
  return { wants: () => false, lines() {}, counted };
}

/**
 * Reads a backup and checks it: seal, checksums, members, counts and the manifest. Throws AppError `invalid_request` if
 * a byte is wrong, and `not_supported` if a newer mcpctl wrote it.
 *
 * @param reader gets the rows as they come; whatever it does must be undone if this throws
 */
export async function readBackup(
  source: AsyncIterable<Uint8Array>,
  reader: RowReader = rowCounter(),
): Promise<BackupManifest> {
  let compressed = 0;
  const counted = async function* () {
    for await (const bytes of source) {
      const start = bytes.subarray(0, zstdMagic.length);
      if (compressed === 0 && !zstdMagic.subarray(0, start.length).equals(start))
        throw damaged("the file does not begin as a backup of mcpctl does");
      compressed += bytes.length;
      yield bytes;
    }
    if (compressed === 0) throw damaged("the file is empty");
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
    return await readMembers(bounded(), reader);
  } catch (error) {
    if (error instanceof AppError) throw error;
    const { code } = error as { code?: string };
    if (code?.startsWith("ZSTD_") || code === "ERR_STREAM_PREMATURE_CLOSE")
      throw damaged("it does not unpack", error);
    throw error;
  }
}

async function readMembers(archive: AsyncIterable<Uint8Array>, reader: RowReader): Promise<BackupManifest> {
  const found: ManifestMember[] = [];
  const names = new MemberNames();
  const garbage = new BulkGarbage();
  let manifest: BackupManifest | undefined;
  let member: OpenMember | undefined;
  for await (const event of readTar(archive)) {
    if ("name" in event) {
      if (manifest) throw damaged("it has a member behind the manifest");
      if (found.length >= maxMembers) throw damaged("it has too many members");
      names.add(event.name);
      member = new OpenMember(event, names.strange === undefined, reader);
    } else {
      await member!.add(event.bytes);
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
  readonly #lines: ByteLines | LineCounter | undefined;
  readonly #reader: RowReader;
  readonly #text = new Pieces();
  readonly #hash = createHash("sha256");
  #left: number;
  #rows = 0;

  /** @param isKnown false for one that only a newer mcpctl understands, which is only hashed */
  constructor({ name, size }: { name: string; size: number }, isKnown: boolean, reader: RowReader) {
    this.name = name;
    this.#reader = reader;
    this.#size = size;
    this.#left = size;
    this.#table = isKnown ? partOf(name)?.table : undefined;
    if (this.#table !== undefined)
      this.#lines = reader.wants(this.#table) ? new ByteLines(maxLineBytes) : new LineCounter(maxLineBytes);
    if (name === manifestName && size > maxManifestBytes) throw damaged("its manifest is too large");
  }

  get isWhole(): boolean {
    return this.#left === 0;
  }

  async add(bytes: Buffer): Promise<void> {
    this.#left -= bytes.length;
    if (this.name === manifestName) return this.#text.add(bytes);
    this.#hash.update(bytes);
    const lines = this.#lines;
    if (!lines) return;
    try {
      if (lines instanceof LineCounter) {
        const count = lines.push(bytes);
        this.#rows += count;
        this.#reader.counted?.(count);
        return;
      }
      const texts = [...lines.push(bytes)];
      this.#rows += texts.length;
      if (texts.length > 0) await this.#reader.lines(this.#table!, texts);
    } catch (error) {
      if (error instanceof LineTooLong) throw damaged(`a row of ${this.#table} is too long`, error);
      throw error;
    }
  }

  /** Returns all of it as text. */
  text(): string {
    return this.#text.take().toString("utf8");
  }

  /** Returns what the manifest must tell of it. */
  facts(): ManifestMember {
    const lines = this.#lines;
    if (lines && (lines instanceof LineCounter ? lines.isWithin : lines.rest() !== ""))
      throw damaged(`${this.name} ends within a row`);
    return { name: this.name, size: this.#size, rows: this.#rows, sha256: this.#hash.digest("hex") };
  }
}

/** Counts lines without keeping them. */
class LineCounter {
  readonly #maxBytes: number;
  #length = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Returns the number of lines that a piece completes. Throws LineTooLong. */
  push(bytes: Uint8Array): number {
    let count = 0;
    let from = 0;
    for (let at = bytes.indexOf(lineFeed); at !== -1; at = bytes.indexOf(lineFeed, from)) {
      this.#grow(at - from);
      this.#length = 0;
      count++;
      from = at + 1;
    }
    this.#grow(bytes.length - from);
    return count;
  }

  /** True if the last line has no end yet. */
  get isWithin(): boolean {
    return this.#length > 0;
  }

  #grow(bytes: number): void {
    this.#length += bytes;
    if (this.#length > this.#maxBytes) throw new LineTooLong(this.#maxBytes);
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
