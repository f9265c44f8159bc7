import { type BackupManifest, damaged } from "../../backup/manifest.ts";
import { readBackup } from "../../backup/read-backup.ts";
import { AppError } from "../../errors.ts";
import type { ExistingRow, StoreFill } from "../core/store/copy/copy.ts";
import { copyTables } from "../core/store/copy-tables.ts";
import { storeFailure } from "../core/store/store-failure.ts";
import { type Store, StoreError } from "../core/store/types.ts";
import { checkTables } from "./backup-columns.ts";
import { Filling } from "./filling.ts";
import { type Merge, planRestore, type RestoreOptions, type RestoreVerdict } from "./restore-plan.ts";
import { Survey } from "./survey.ts";

/** The most objects that an answer names. */
const mostNamed = 1000;

/** The result of a restore. */
export interface Restored {
  backup: Pick<BackupManifest, "createdAt" | "version" | "dialect" | "secrets" | "audit">;
  merge: Merge | null;
  dryRun: boolean;
  /** Counts of rows by table. */
  rows: Record<string, Record<RestoreVerdict["result"], number>>;
  /** The objects that were replaced or skipped, the first 1000 of them. */
  objects: { kind: string; name: string; result: RestoreVerdict["result"]; reason?: string }[];
  /** Servers that run programs, and came back switched off. */
  switchedOff: string[];
  /** Secrets that came back without their values. */
  withoutValues: string[];
  /** The ids of master keys that open sealed secrets of the backup, and that the server lacks: it will not start again. */
  missingMasterKeys: string[];
}

/** Progress: bytes of the file that were read, and rows. */
export type OnProgress = (phase: "checking" | "restoring", bytes: number, rows: number) => void;

/**
 * Restores a backup in one transaction. The whole of it is checked before anything is written.
 *
 * @param open reads the backup from its beginning; it is read twice
 * @throws AppError `invalid_request` or `not_supported` if the backup is refused, `conflict` if the database is not
 *   empty; nothing has changed then
 */
export async function restore(
  store: Store,
  open: () => AsyncIterable<Uint8Array>,
  options: RestoreOptions,
  onProgress: OnProgress = () => {},
): Promise<Restored> {
  const survey = new Survey();
  const manifest = await readBackup(
    counted(open(), (bytes) => onProgress("checking", bytes, survey.rows)),
    survey,
  );
  const columns = checkTables(manifest, store);
  if (survey.fault) throw survey.fault;
  try {
    return await store.fill(async (fill) => {
      const existing = await fill.existing();
      if (options.merge === undefined) refuseFull(existing);
      const hasValues = survey.hasValues.bind(survey);
      const verdicts = await planRestore(survey.objects, existing, hasValues, options.merge);
      const filling = new Filling({ fill, options, verdicts, columns, hasValues });
      if (options.merge === undefined) await makeRoom(fill, manifest);
      const before = await fill.lastEvent();
      await readBackup(
        counted(open(), (bytes) => onProgress("restoring", bytes, filling.total)),
        filling,
      );
      await fill.measureThreads();
      if (options.merge === undefined && manifest.audit && !options.dryRun && before > 0)
        await fill.moveEvents(before);
      return restored(manifest, options, filling, survey, verdicts);
    }, !options.dryRun);
  } catch (error) {
    if (error instanceof StoreError) throw refused(error);
    throw error;
  }
}

async function* counted(
  source: AsyncIterable<Uint8Array>,
  onBytes: (bytes: number) => void,
): AsyncGenerator<Uint8Array> {
  let count = 0;
  for await (const bytes of source) {
    yield bytes;
    count += bytes.length;
    onBytes(count);
  }
}

/** Throws AppError `conflict` if the database has objects besides those that every one has. */
function refuseFull(existing: readonly ExistingRow[]): void {
  const own = existing.filter(({ isBuiltIn, kind }) => !isBuiltIn && kind !== "instance");
  if (own.length === 0) return;
  const some = own.slice(0, 3).map(({ kind, name }) => `${kind} "${name}"`);
  const more = own.length > some.length ? ` and ${own.length - some.length} more` : "";
  throw new AppError("conflict", `the database is not empty: it has ${some.join(", ")}${more}`, {
    hint: "Add --merge skip to keep what is there, or --merge replace to set it to what the backup has.",
  });
}

/** Deletes what every database has from its first start, so that the objects of the backup keep their ids. */
async function makeRoom(fill: StoreFill, manifest: BackupManifest): Promise<void> {
  for (const table of copyTables.toReversed().filter(({ stays }) => !stays))
    if (table.part !== "records" || (table.key.length > 0 && manifest.audit)) await fill.remove(table);
}

function restored(
  { createdAt, version, dialect, secrets, audit }: BackupManifest,
  { merge, dryRun, hasMasterKey }: RestoreOptions,
  { counts, switchedOff }: Filling,
  survey: Survey,
  verdicts: ReadonlyMap<string, RestoreVerdict>,
): Restored {
  const told = survey.objects.flatMap(({ id, kind, name }) => {
    const { result, reason } = verdicts.get(id)!;
    return result === "created" ? [] : [{ kind, name, result, ...(reason !== undefined && { reason }) }];
  });
  const empty = survey.objects.filter(
    (row) => row.kind === "secret" && verdicts.get(row.id)?.result === "created" && !survey.hasValues(row),
  );
  return {
    backup: { createdAt, version, dialect, secrets, audit },
    merge: merge ?? null,
    dryRun,
    rows: Object.fromEntries(counts),
    objects: told.slice(0, mostNamed),
    switchedOff: switchedOff.slice(0, mostNamed),
    withoutValues: empty.slice(0, mostNamed).map(({ name }) => name),
    missingMasterKeys: [...survey.masterKeys].filter((id) => !hasMasterKey(id)),
  };
}

/** Returns the AppError for a refusal of the store in the middle of a restore. */
function refused(error: StoreError): AppError {
  if (error.refusal === "dangling") return damaged("a row of it refers to one that is not in it", error);
  if (error.refusal === "taken")
    return new AppError("conflict", "a row of the backup collides with one that stands here", {
      hint: "Nothing was changed.",
      cause: error,
    });
  return storeFailure(error);
}
