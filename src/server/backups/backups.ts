import { tmpdir } from "node:os";
import { checkRecipient, encrypted } from "../../backup/age.ts";
import { AppError } from "../../errors.ts";
import { mayRun } from "../core/access/policy.ts";
import { type Caller, eventBy } from "../core/caller.ts";
import type { Catalogue } from "../core/catalogue/catalogue.ts";
import type { Random } from "../core/ids.ts";
import { seed } from "../core/seed.ts";
import type { Audit } from "../observability/audit.ts";
import { type BackupOptions, makeBackup, type OpenBackup } from "./make-backup.ts";
import { type OnProgress, type Restored, restore } from "./restore.ts";
import type { Merge } from "./restore-plan.ts";
import { Spool } from "./spool.ts";

export interface BackupsOptions {
  catalogue: Catalogue;
  audit: Audit;
  /** A folder for files that are gone when they are closed; that of the system if not given. */
  folder?: string | undefined;
  /** True if the server has a master key of sealed secrets. */
  hasMasterKey(id: string): boolean;
  /** Reads what is kept in memory besides the catalogue anew. */
  afterRestore(): Promise<void>;
  now(): number;
  random: Random;
}

/** Options of one backup. */
export interface BackupRequest extends BackupOptions {
  /** The public keys of age that it is encrypted for; with values of secrets, there is at least one. */
  recipients: readonly string[];
}

export interface RestoreRequest {
  merge: Merge | undefined;
  dryRun: boolean;
}

/** Makes backups of the database, and restores them. */
export class Backups {
  readonly #options: BackupsOptions;
  #isRestoring = false;

  private constructor(options: BackupsOptions) {
    this.#options = options;
  }

  static open(options: BackupsOptions): Backups {
    Spool.removeLeftovers(options.folder ?? tmpdir());
    return new Backups(options);
  }

  /** Begins a backup for a caller. It is on record before its first byte. Throws AppError. */
  async begin(caller: Caller, { recipients, ...options }: BackupRequest): Promise<OpenBackup> {
    const { catalogue, audit, now } = this.#options;
    if (options.secrets === "values" && recipients.length === 0)
      throw new AppError("invalid_request", "a backup with the values of secrets needs a recipient", {
        hint: "It is encrypted for it: a public key of age, which begins with age1.",
      });
    for (const recipient of recipients) checkRecipient(recipient);
    const detail = { secrets: options.secrets, audit: options.audit, encrypted: recipients.length > 0 };
    await audit.record(eventBy(caller, { at: now(), action: "backup", status: 200, detail }));
    const backup = await makeBackup(catalogue.store, options, now());
    if (recipients.length === 0) return backup;
    return { ...backup, bytes: encrypted(backup.bytes, { recipients }) };
  }

  /** Restores a backup that a caller sends. Throws AppError; nothing has changed then. */
  async restore(
    caller: Caller,
    bytes: AsyncIterable<Uint8Array>,
    request: RestoreRequest,
    onProgress?: OnProgress,
  ): Promise<Restored> {
    if (this.#isRestoring)
      throw new AppError("conflict", "another backup is being restored", {
        hint: "Try again when it is done.",
      });
    this.#isRestoring = true;
    try {
      const spool = await Spool.write(bytes, this.#options.folder ?? tmpdir());
      try {
        return await this.#restore(caller, spool, request, onProgress);
      } finally {
        await spool.close();
      }
    } finally {
      this.#isRestoring = false;
    }
  }

  async #restore(
    caller: Caller,
    spool: Spool,
    { merge, dryRun }: RestoreRequest,
    onProgress?: OnProgress,
  ): Promise<Restored> {
    const { catalogue, audit, now, random, afterRestore, hasMasterKey } = this.#options;
    const mayRunPrograms = mayRun(caller.principal, "host-processes");
    const options = { merge, dryRun, mayRunPrograms, hasMasterKey };
    const restored = await restore(catalogue.store, () => spool.bytes(), options, onProgress);
    if (dryRun) return restored;
    // A refresh that was under way may have begun before the commit.
    await catalogue.refresh();
    await catalogue.refresh();
    // A backup of an older version has the templates of that version.
    await seed(catalogue, now, random);
    await afterRestore();
    const { backup, rows, switchedOff } = restored;
    const detail = { ...backup, merge: restored.merge, resources: rows["resources"], switchedOff };
    await audit.record({
      ...eventBy(caller, { at: now(), action: "restore", status: 200, detail }),
      // The user of this name may have the id of the backup now.
      userId: catalogue.snapshot.named("user", caller.principal.userName)?.id ?? caller.principal.userId,
    });
    return restored;
  }
}
