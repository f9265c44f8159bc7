import { type FileHandle, open, rename, rm, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { type AgeKey, decrypted, isAge } from "../../../backup/age.ts";
import { AppError } from "../../../errors.ts";
import { reasonText, systemCodeOf } from "../../../system-errors.ts";
import { draftOf, removeAbandoned } from "./drafts.ts";

const pieceBytes = 256 * 1024;

/** Yields the bytes of a file. Throws AppError `invalid_request` if it cannot be read. */
async function* bytesOf(path: string): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  let file: FileHandle | undefined;
  try {
    file = await open(path, "r");
    for (;;) {
      const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(pieceBytes), 0, pieceBytes, null);
      if (bytesRead === 0) return;
      yield buffer.subarray(0, bytesRead);
    }
  } catch (cause) {
    if (systemCodeOf(cause) === undefined) throw cause;
    throw new AppError("invalid_request", `cannot read ${path}: ${reasonText(cause)}`, { cause });
  } finally {
    await file?.close();
  }
}

/**
 * Yields the bytes of a backup, decrypted if it is encrypted.
 *
 * @param name of the file, for errors
 * @throws AppError `usage` if it is encrypted and there is no key
 */
export async function* opened(
  source: AsyncIterable<Uint8Array>,
  name: string,
  key: AgeKey | undefined,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const pieces = source[Symbol.asyncIterator]();
  try {
    const first = await pieces.next();
    const start: Uint8Array = first.done ? new Uint8Array() : first.value;
    const all = (async function* () {
      yield start;
      for (;;) {
        const { done, value } = await pieces.next();
        if (done) return;
        yield value;
      }
    })();
    if (!isAge(start)) return yield* all as AsyncGenerator<Uint8Array<ArrayBuffer>>;
    if (!key)
      throw new AppError("usage", `${name} is encrypted`, {
        hint: "Add --identity FILE with a secret key of age, or --passphrase-file FILE.",
      });
    yield* decrypted(all, key) as AsyncGenerator<Uint8Array<ArrayBuffer>>;
  } finally {
    await pieces.return?.();
  }
}

/** Yields the bytes of a backup in a file. */
export function openedFile(path: string, key: AgeKey | undefined): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  return opened(bytesOf(path), path, key);
}

/** A file that has its name only when it is whole: until then it has another one, and is deleted if it fails. */
export class NewFile {
  readonly path: string;
  readonly #draft: string;
  readonly #file: FileHandle;

  private constructor(path: string, draft: string, file: FileHandle) {
    this.path = path;
    this.#draft = draft;
    this.#file = file;
  }

  /** Throws AppError `conflict` if a file of this name stands already. */
  static async create(path: string): Promise<NewFile> {
    if (await stat(path).catch(() => undefined)) throw standsAlready(path);
    const draft = draftOf(path);
    try {
      await removeAbandoned(dirname(path));
      return new NewFile(path, draft, await open(draft, "wx", 0o600));
    } catch (cause) {
      throw cannotWrite(path, cause);
    }
  }

  async write(piece: Uint8Array): Promise<void> {
    try {
      await this.#file.writev([piece]);
    } catch (cause) {
      throw cannotWrite(this.path, cause);
    }
  }

  /** Gives the file its name, once its bytes are on the disk. */
  async finish(): Promise<void> {
    try {
      await this.#file.sync();
      await this.#file.close();
      if (await stat(this.path).catch(() => undefined)) throw standsAlready(this.path);
      await rename(this.#draft, this.path);
    } catch (cause) {
      await rm(this.#draft, { force: true });
      throw cause instanceof AppError ? cause : cannotWrite(this.path, cause);
    }
  }

  /** Deletes what was written so far. */
  async abandon(): Promise<void> {
    await this.#file.close().catch(() => {});
    await rm(this.#draft, { force: true });
  }
}

function standsAlready(path: string): AppError {
  return new AppError("conflict", `${path} stands already`, {
    hint: "Name another file, or delete it first.",
  });
}

function cannotWrite(path: string, cause: unknown): AppError {
  const code = systemCodeOf(cause) === "ENOSPC" ? "storage_full" : "invalid_request";
  const reason = systemCodeOf(cause) === "ENOENT" ? `there is no folder ${dirname(path)}` : reasonText(cause);
  return new AppError(code, `cannot write ${path}: ${reason}`, { cause });
}
