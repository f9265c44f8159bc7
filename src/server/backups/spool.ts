import { readdirSync, rmSync, statfsSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { join } from "node:path";
import { BulkGarbage } from "../../backup/bulk-garbage.ts";
import { piecesOf } from "../../backup/file-pieces.ts";
import { AppError } from "../../errors.ts";
import { reasonText, systemCodeOf } from "../../system-errors.ts";

/** Bytes of the disk that must stay free: the database is on it, too. */
const leastFree = 64 * 1024 * 1024;
/** Bytes after which the free space is looked at again. */
const lookAfter = 8 * 1024 * 1024;
/** Milliseconds between two pieces of a backup that is received: one restore at a time is under way. */
const longestSilence = 60_000;

const namePrefix = ".restore-";

/**
 * A file without a name: nobody else can open it, and nothing of it is left after this process, however that ends. It
 * can have values of secrets in it.
 */
export class Spool {
  readonly #file: FileHandle;
  readonly #folder: string;
  size = 0;

  private constructor(file: FileHandle, folder: string) {
    this.#file = file;
    this.#folder = folder;
  }

  /** Writes bytes to a new file in a folder. Throws AppError `storage_full` or `unavailable`. */
  static async write(bytes: AsyncIterable<Uint8Array>, folder: string): Promise<Spool> {
    const path = join(folder, `${namePrefix}${crypto.randomUUID()}`);
    let spool: Spool | undefined;
    try {
      const file = await open(path, "wx+", 0o600);
      spool = new Spool(file, folder);
      // Another server with this folder may have taken it for a leftover.
      rmSync(path, { force: true });
      await spool.#take(bytes);
      return spool;
    } catch (error) {
      await spool?.close();
      const code = systemCodeOf(error);
      if (code === undefined) throw error;
      if (code === "ENOSPC" || code === "EDQUOT") throw noSpace();
      throw new AppError("unavailable", `cannot keep the backup in ${folder}: ${reasonText(error)}`, {
        cause: error,
      });
    }
  }

  /** Removes the empty files of processes that were killed before they could take the name away. */
  static removeLeftovers(folder: string): void {
    for (const name of readdirSync(folder).filter((one) => one.startsWith(namePrefix))) {
      try {
        rmSync(join(folder, name));
      } catch {
        // It is another user's.
      }
    }
  }

  async #take(bytes: AsyncIterable<Uint8Array>): Promise<void> {
    let nextLook = 0;
    const garbage = new BulkGarbage();
    for await (const piece of steady(bytes, longestSilence)) {
      if (this.size >= nextLook) {
        const { bavail, bsize } = statfsSync(this.#folder);
        if (bavail * bsize < leastFree + lookAfter) throw noSpace();
        nextLook = this.size + lookAfter;
      }
      await this.#file.writev([piece]);
      this.size += piece.length;
      garbage.add(piece.length);
      await garbage.room();
    }
  }

  /** Yields all bytes from the beginning. Each piece is gone when the next one is asked for. */
  bytes(): AsyncGenerator<Uint8Array> {
    return piecesOf(this.#file);
  }

  async close(): Promise<void> {
    await this.#file.close();
  }
}

function noSpace(): AppError {
  return new AppError(
    "storage_full",
    "there is no room for the backup on the disk of the server: nothing was changed",
  );
}

/** Yields pieces as they come. Throws AppError `timed_out` if the next one takes too long (T240). */
export async function* steady(bytes: AsyncIterable<Uint8Array>, most: number): AsyncGenerator<Uint8Array> {
  const pieces = bytes[Symbol.asyncIterator]();
  for (;;) {
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(() => {
      late.reject(new AppError("timed_out", "the backup did not arrive in time", { status: 408 }));
      void pieces.return?.().catch(() => {});
    }, most);
    let next: IteratorResult<Uint8Array>;
    try {
      next = await Promise.race([pieces.next(), late.promise]);
    } finally {
      // The time that the reader takes for a piece is not that of the sender: it would end the body as if it were whole.
      clearTimeout(timer);
    }
    if (next.done) return;
    yield next.value;
  }
}
