import { encrypted } from "../../backup/age.ts";
import { readBackup } from "../../backup/read-backup.ts";
import type { Log } from "../../log.ts";
import type { Gauges } from "../core/gauges.ts";
import type { Component } from "../core/lifecycle.ts";
import type { Store } from "../core/store/types.ts";
import type { StoredBackup } from "./backup-folder.ts";
import { BackupFolder } from "./backup-folder.ts";
import { makeBackup } from "./make-backup.ts";

/** Backups that a server makes by itself. */
export interface ScheduleSettings {
  folder: string;
  /** Milliseconds between two backups. */
  every: number;
  /** The newest backups that are kept. */
  keep: number;
  /** The public keys of age that they are encrypted for. With one, they have the values of secrets. */
  recipients: readonly string[];
}

export interface ScheduleOptions {
  store: Store;
  settings: ScheduleSettings;
  /** The name of this server. */
  node: string;
  /** Milliseconds since 1970. */
  now(): number;
  /** A monotonic clock, in milliseconds. */
  elapsed(): number;
  log: Pick<Log, "info" | "error">;
  gauges: Gauges;
}

/** The state of the backups that a server makes by itself. Times are RFC 3339. */
export interface BackupState {
  lastAt: string | null;
  name: string | null;
  failedAt: string | null;
  /** The reason of the last failure, without paths. */
  reason: string | null;
  nextAt: string | null;
}

/** Milliseconds after which a backup that failed is tried again. */
const retryAfter = 10 * 60_000;

/** Makes a backup at intervals, checks it on the disk, and deletes old ones. */
export class BackupSchedule {
  readonly #options: ScheduleOptions;
  readonly #folder: BackupFolder;
  #newest: StoredBackup | undefined;
  #failure: { at: number; reason: string } | undefined;
  /** The time of the next attempt on the monotonic clock; undefined until the folder was read. */
  #nextAt: number | undefined;
  #running: Promise<void> | undefined;
  #isStopping = false;

  constructor(options: ScheduleOptions) {
    this.#options = options;
    this.#folder = new BackupFolder(options.settings.folder, options.node);
  }

  get state(): BackupState {
    const { now, elapsed } = this.#options;
    const time = (at: number | undefined) => (at === undefined ? null : new Date(at).toISOString());
    return {
      lastAt: time(this.#newest?.at),
      name: this.#newest?.name ?? null,
      failedAt: time(this.#failure?.at),
      reason: this.#failure?.reason ?? null,
      nextAt: time(this.#nextAt === undefined ? undefined : now() + Math.max(0, this.#nextAt - elapsed())),
    };
  }

  /** Makes a backup if it is time for one. Joins one that is under way. Never throws. */
  run(): Promise<void> {
    this.#running ??= this.#runOnce().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  /** Ends a backup that is under way; nothing is left of it. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    await this.#running;
  }

  async #runOnce(): Promise<void> {
    const { settings, now, elapsed, log } = this.#options;
    try {
      this.#nextAt ??= elapsed() + this.#firstWait();
      if (this.#isStopping || elapsed() < this.#nextAt) return;
      const made = await this.#make();
      // Another server on the database makes one now.
      if (!made) return;
      this.#newest = { name: made.name, at: now() };
      this.#failure = undefined;
      this.#nextAt = elapsed() + settings.every;
      this.#folder.tidy(settings.keep, now());
      log.info(`backup written and checked: ${made.name} (${made.bytes} bytes)`);
    } catch (error) {
      if (this.#isStopping) return;
      const reason = error instanceof Error ? error.message : String(error);
      this.#failure = { at: now(), reason: reason.replaceAll(settings.folder, "the folder of backups") };
      this.#nextAt = elapsed() + Math.min(retryAfter, settings.every);
      log.error(`the backup failed: ${reason}`);
    }
  }

  /** Returns the milliseconds until the first backup: the folder may have one of an earlier start. */
  #firstWait(): number {
    const { settings, now } = this.#options;
    this.#folder.tidy(settings.keep, now());
    this.#newest = this.#folder.list()[0];
    const passed = this.#newest ? now() - this.#newest.at : settings.every;
    // The clock was ahead when that one was made.
    return passed < 0 ? 0 : Math.max(0, settings.every - passed);
  }

  async #make(): Promise<{ name: string; bytes: number } | undefined> {
    const { store, settings, now } = this.#options;
    const { recipients } = settings;
    const isLocked = recipients.length > 0;
    const backup = await makeBackup(
      store,
      { secrets: isLocked ? "values" : "references", audit: true },
      now(),
      {
        isAlone: true,
      },
    );
    if (!backup) return undefined;
    const bytes = this.#untilStopped(isLocked ? encrypted(backup.bytes, { recipients }) : backup.bytes);
    // Only the holder of the key can read an encrypted one: its bytes are compared.
    const check = isLocked ? drained : readBackup;
    return await this.#folder.write(backup.facts.createdAt, isLocked ? ".age" : "", bytes, (written) =>
      check(written),
    );
  }

  async *#untilStopped(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const piece of bytes) {
      if (this.#isStopping) throw new Error("the server is shutting down");
      yield piece;
    }
  }
}

async function drained(bytes: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const _ of bytes);
}

/** The component of a schedule, with its metrics. */
export function scheduleComponent(options: ScheduleOptions): Component<BackupSchedule> {
  return {
    name: "backups",
    start() {
      const schedule = new BackupSchedule(options);
      const { gauges } = options;
      gauges.gauge(
        "mcpctl_backup_last_success_timestamp_seconds",
        "Time of the newest backup in the folder",
        () => {
          const { lastAt } = schedule.state;
          return lastAt === null ? 0 : Date.parse(lastAt) / 1000;
        },
      );
      gauges.gauge("mcpctl_backup_failed", "1 if the last backup failed", () =>
        schedule.state.reason === null ? 0 : 1,
      );
      return schedule;
    },
    close: (schedule) => schedule.stop(),
  };
}
