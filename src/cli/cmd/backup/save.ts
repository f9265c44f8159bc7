import { stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { type AgeLock, decrypted, encrypted, newTransferKey } from "../../../backup/age.ts";
import type { BackupManifest } from "../../../backup/manifest.ts";
import { readBackup, rowCounter } from "../../../backup/read-backup.ts";
import { AppError } from "../../../errors.ts";
import { jsonText } from "../../../wire/text.ts";
import type { Context } from "../../core/context.ts";
import { warnOnTheWay } from "../../core/plain-http.ts";
import { sizeText } from "../../output/cells.ts";
import { progressOn } from "../../terminal/progress.ts";
import { NewFile } from "./backup-file.ts";
import { countText, summaryOf } from "./summary.ts";

export interface SaveOptions {
  /** Values of secrets, too. */
  secrets: boolean;
  audit: boolean;
  /** The keys or the passphrase that the file is encrypted with. */
  lock: AgeLock | undefined;
}

/** Takes bytes, one piece after the other. */
type Write = (piece: Uint8Array) => Promise<void>;

/**
 * Gets a backup from the server and writes it to a file, or to standard output. Every byte is checked on the way, and the
 * file has its name only when all of it is there.
 *
 * @param file a path, `-`, or undefined for a name with the time in it
 */
export async function saveBackup(
  file: string | undefined,
  options: SaveOptions,
  json: boolean,
  context: Context,
): Promise<void> {
  const { terminal } = context;
  if (file === "-" && terminal.outIsTerminal)
    throw new AppError("usage", "a backup is not written to a terminal", {
      hint: "Name a file, or add | or >.",
    });
  if (file === "-" && json) throw new AppError("usage", "-o json and - do not go together");
  const target = file === "-" ? undefined : await NewFile.create(await pathOf(file, options, context));
  let bytes = 0;
  const write: Write = async (piece) => {
    bytes += piece.length;
    await (target ? target.write(piece) : terminal.bytes(piece));
  };
  let manifest: BackupManifest;
  try {
    manifest = await transfer(write, options, context);
    await target?.finish();
  } catch (error) {
    await target?.abandon();
    throw error;
  }
  const { secrets } = manifest;
  if (json) terminal.out(jsonText({ file: target!.path, bytes, ...summaryOf(manifest) }));
  else if (target)
    terminal.out(`backup written to ${target.path} (${sizeText(bytes)}, ${countText(manifest)})\n`);
  if (secrets === "references")
    terminal.err(
      "Values of secrets that the database keeps in plain text are not in it. To save them, too: --with-secrets\n",
    );
}

/** Returns the path of the file: in a folder, or without a path, the name has the time in it. */
async function pathOf(
  file: string | undefined,
  { lock }: SaveOptions,
  { cwd, now }: Context,
): Promise<string> {
  const path = resolve(cwd, file ?? ".");
  const isFolder = file === undefined || (await stat(path).catch(() => undefined))?.isDirectory();
  if (!isFolder) return path;
  const time = new Date(now()).toISOString().replace(/\.\d+|[:-]/g, "");
  return join(path, `mcpctl-backup-${time}.tar.zst${lock ? ".age" : ""}`);
}

/**
 * Asks for a backup and writes it. With values of secrets, it comes encrypted for a key that this transfer alone has, so
 * that nobody on the way can read it; only then is it encrypted for those who keep it.
 */
async function transfer(
  write: Write,
  { secrets, audit, lock }: SaveOptions,
  context: Context,
): Promise<BackupManifest> {
  const { terminal, signal } = context;
  const client = await context.client();
  const transferKey = secrets ? await newTransferKey() : undefined;
  if (!secrets)
    warnOnTheWay(client.endpoint.url, "the hashes of passwords and tokens, and all threads", terminal);
  const progress = progressOn(context);
  try {
    const received = await client.stream("GET", "/api/v1/backup", {
      query: {
        ...(!audit && { audit: "false" }),
        ...(transferKey && { secrets: "values", recipient: transferKey.recipient }),
      },
    });
    let bytes = 0;
    let rows = 0;
    const seen = (async function* () {
      for await (const piece of received) {
        bytes += piece.length;
        progress.show(`saving: ${sizeText(bytes)}, ${rows} rows`);
        yield piece;
      }
    })();
    const plain = transferKey ? decrypted(seen, transferKey.key) : seen;
    return await readBackup(
      lock ? reEncrypted(plain, lock, write) : copied(plain, write),
      rowCounter((count) => {
        rows += count;
      }),
    );
  } catch (error) {
    if (signal.aborted)
      throw new AppError("interrupted", "interrupted: no backup was written", { cause: error });
    if (error instanceof AppError) throw error;
    throw new AppError("connection_failed", "the connection was lost before the end: no backup was written", {
      cause: error,
    });
  } finally {
    progress.end();
  }
}

/** Writes bytes on their way to a reader. */
async function* copied(bytes: AsyncIterable<Uint8Array>, write: Write): AsyncGenerator<Uint8Array> {
  for await (const piece of bytes) {
    await write(piece);
    yield piece;
  }
}

/** Encrypts and writes bytes on their way to a reader, which gets them as they were. */
async function* reEncrypted(
  bytes: AsyncIterable<Uint8Array>,
  lock: AgeLock,
  write: Write,
): AsyncGenerator<Uint8Array> {
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  const writing = (async () => {
    for await (const piece of encrypted(readable, lock)) await write(piece);
  })();
  const failed = writing.then(() => new Promise<never>(() => {}));
  failed.catch(() => {});
  const input = writable.getWriter();
  for await (const piece of bytes) {
    await Promise.race([input.write(piece), failed]);
    yield piece;
  }
  await Promise.race([input.close(), failed]);
  await writing;
}
