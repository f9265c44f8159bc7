import { createHash } from "node:crypto";
import { accessSync, constants, mkdirSync, readdirSync, rmSync, statfsSync, statSync } from "node:fs";
import { type FileHandle, open, rename } from "node:fs/promises";
import { join } from "node:path";
import { piecesOf } from "../../backup/file-pieces.ts";
import { discardDraft } from "../../drafts.ts";
import { AppError } from "../../errors.ts";
import { reasonText, systemCodeOf } from "../../system-errors.ts";
import { backupName } from "./make-backup.ts";

/** The names of backups that a server has written by itself; no other file is counted or deleted. */
const backupForm = /^mcpctl-backup-(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z\.tar\.zst(\.age)?$/;
/** Bytes of the disk that must stay free. */
const leastFree = 64 * 1024 * 1024;
/** Milliseconds after which a half file of another server cannot be one that it is writing. */
const abandonedAfter = 24 * 60 * 60_000;

/** A backup in the folder. */
export interface StoredBackup {
  name: string;
  /** The time that its name tells, in milliseconds since 1970. */
  at: number;
}

/** The folder for backups that a server makes by itself. Several servers may share it. */
export class BackupFolder {
  readonly #path: string;
  readonly #node: string;

  /** @param node the name of the server, to tell its half files from those of others */
  constructor(path: string, node: string) {
    this.#path = path;
    this.#node = node.replaceAll(/[^\w-]/g, "_");
  }

  /** Makes the folder if it is missing. Throws AppError `unavailable` if it cannot be written to. */
  static prepare(path: string): void {
    try {
      mkdirSync(path, { recursive: true, mode: 0o700 });
      accessSync(path, constants.R_OK | constants.W_OK | constants.X_OK);
    } catch (cause) {
      throw new AppError("unavailable", `cannot use the folder ${path} for backups: ${reasonText(cause)}`, {
        cause,
        hint: "Name a folder that the server can write to: --backup-dir DIR",
      });
    }
  }

  /** Returns the backups in the folder, the newest first. Throws AppError `unavailable`. */
  list(): StoredBackup[] {
    const found = this.#names().flatMap((name) => {
      const [, year, month, day, hour, minute, second] = backupForm.exec(name) ?? [];
      return year === undefined
        ? []
        : [{ name, at: Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`) }];
    });
    return found.sort((a, b) => b.at - a.at);
  }

  /**
   * Writes a backup under another name, reads it back, and gives it its name when it is right.
   *
   * @param check reads it from the disk, and throws if it is not right
   * @returns its name and its size in bytes
   * @throws AppError; nothing is left of the file then
   */
  async write(
    createdAt: string,
    extension: string,
    bytes: AsyncIterable<Uint8Array>,
    check: (written: AsyncIterable<Uint8Array>) => Promise<unknown>,
  ): Promise<{ name: string; bytes: number }> {
    const name = `${backupName(createdAt)}${extension}`;
    const draft = join(this.#path, `.${name}.${this.#node}.part`);
    let file: FileHandle | undefined;
    try {
      rmSync(draft, { force: true });
      // Not through a link that somebody has put there (T240).
      file = await open(draft, "wx+", 0o600);
      const hash = createHash("sha256");
      let size = 0;
      let nextLook = 0;
      for await (const piece of bytes) {
        if (size >= nextLook) nextLook = size + this.#roomLeft();
        hash.update(piece);
        await file.writev([piece]);
        size += piece.length;
      }
      await file.sync();
      const again = createHash("sha256");
      await check(seen(piecesOf(file), again));
      if (!again.digest().equals(hash.digest()))
        throw new AppError("unavailable", "the disk did not keep what was written");
      await file.close();
      file = undefined;
      await rename(draft, join(this.#path, name));
      await this.#sync();
      return { name, bytes: size };
    } catch (error) {
      await file?.close().catch(() => {});
      discardDraft(draft);
      throw this.#explained(error);
    }
  }

  /** Deletes all backups but the newest, and half files of servers that were killed. */
  tidy(keep: number, now: number): void {
    for (const { name } of this.list().slice(keep)) rmSync(join(this.#path, name), { force: true });
    for (const name of this.#names()) {
      if (!/^\.mcpctl-backup-.*\.part$/.test(name)) continue;
      const path = join(this.#path, name);
      const since = statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? now;
      if (name.endsWith(`.${this.#node}.part`) || now - since > abandonedAfter) rmSync(path, { force: true });
    }
  }

  #names(): string[] {
    try {
      return readdirSync(this.#path);
    } catch (error) {
      throw this.#explained(error);
    }
  }

  /** Returns the bytes that can be written before the next look. Throws AppError if the disk is nearly full. */
  #roomLeft(): number {
    const { bavail, bsize } = statfsSync(this.#path);
    const left = bavail * bsize - leastFree;
    if (left <= 0) throw new AppError("storage_full", "there is no room on the disk for a backup");
    return left / 2;
  }

  async #sync(): Promise<void> {
    const folder = await open(this.#path, "r");
    await folder.sync().finally(() => folder.close());
  }

  #explained(error: unknown): unknown {
    const code = systemCodeOf(error);
    if (code === undefined) return error;
    const full = code === "ENOSPC" || code === "EDQUOT";
    return new AppError(
      full ? "storage_full" : "unavailable",
      full
        ? "there is no room on the disk for a backup"
        : `cannot use the folder ${this.#path}: ${reasonText(error)}`,
      { cause: error },
    );
  }
}

async function* seen(
  bytes: AsyncIterable<Uint8Array>,
  hash: { update(piece: Uint8Array): unknown },
): AsyncGenerator<Uint8Array> {
  for await (const piece of bytes) {
    hash.update(piece);
    yield piece;
  }
}
