import { damaged, type Manifest, tooNew } from "../../backup/manifest.ts";
import { readBackup } from "../../backup/read-backup.ts";
import { AppError } from "../../errors.ts";
import type { ExistingRow, StoreFill } from "../core/store/copy/copy.ts";
import { type CopyColumn, type CopyTable, copyTables } from "../core/store/copy/tables.ts";
import { storeFailure } from "../core/store/store-failure.ts";
import { type Store, StoreError } from "../core/store/types.ts";
import { Filling } from "./filling.ts";
import { type Merge, type PlannedRow, planRestore, type Verdict } from "./restore-plan.ts";

export interface RestoreOptions {
  /** Undefined: only into an empty database. */
  merge?: Merge | undefined;
  /** Do everything, and undo it in the end. */
  dryRun: boolean;
  /** False switches off the servers that run programs on the host. */
  mayRunPrograms: boolean;
}

/** The most objects that an answer names. */
const mostNamed = 1000;

/** The result of a restore. */
export interface Restored {
  backup: Pick<Manifest, "createdAt" | "version" | "dialect" | "secrets" | "audit">;
  merge: Merge | null;
  dryRun: boolean;
  /** Counts of rows by table. */
  rows: Record<string, Record<Verdict["result"], number>>;
  /** The objects that were replaced or skipped, the first 1000 of them. */
  objects: { kind: string; name: string; result: Verdict["result"]; reason?: string }[];
  /** Servers that run programs, and came back switched off. */
  switchedOff: string[];
  /** Secrets that came back without their values. */
  withoutValues: string[];
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
    (name, lines) => survey.add(name, lines),
  );
  const columns = checkTables(manifest, store);
  if (survey.fault) throw survey.fault;
  try {
    return await store.fill(async (fill) => {
      const existing = await fill.existing();
      if (options.merge === undefined) refuseFull(existing);
      const verdicts = planRestore(survey.objects, existing, (row) => survey.hasValues(row), options.merge);
      const filling = new Filling({ fill, options, verdicts, columns });
      if (options.merge === undefined) await makeRoom(fill, manifest);
      const before = await fill.lastEvent();
      await readBackup(
        counted(open(), (bytes) => onProgress("restoring", bytes, filling.total)),
        (name, lines) => filling.add(name, lines),
      );
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

/** The facts about a backup that decide what becomes of its rows. */
export class Survey {
  readonly objects: PlannedRow[] = [];
  /** The refs of secrets whose values are in the backup. */
  readonly refs = new Set<string>();
  readonly #backendTypes = new Map<string, unknown>();
  rows = 0;
  /** The first row that this version cannot read. The manifest tells if a newer one wrote it. */
  fault: AppError | undefined;

  add(table: string, lines: readonly string[]): void {
    this.rows += lines.length;
    try {
      if (!this.fault) this.#add(table, lines);
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      this.fault = error;
    }
  }

  #add(table: string, lines: readonly string[]): void {
    if (table === "resources") for (const line of lines) this.#addObject(parsed(table, line));
    if (table === "secret_data") for (const line of lines) this.refs.add(String(parsed(table, line)["ref"]));
  }

  #addObject(row: Record<string, unknown>): void {
    const { id, kind, scope, name, owner, spec, status } = row;
    const isText = [id, kind, scope, name].every((value) => typeof value === "string");
    if (!isText || typeof spec !== "object" || typeof status !== "object" || !spec || !status)
      throw damaged("a row of resources is not an object of the catalogue");
    const { externalRef } = status as { externalRef?: string };
    const { backend = "", type } = spec as { backend?: unknown; type?: unknown };
    if (kind === "secretbackend") this.#backendTypes.set(name as string, type);
    const texts = { id, kind, scope, name } as Pick<PlannedRow, "id" | "kind" | "scope" | "name">;
    this.objects.push({ ...texts, owner: owner as string | null, externalRef, backend: String(backend) });
  }

  /** True if the values of an object are in the backup, or on a backend elsewhere. */
  hasValues({ externalRef, backend }: PlannedRow): boolean {
    return (
      externalRef === undefined || this.refs.has(externalRef) || this.#backendTypes.get(backend) === "openbao"
    );
  }
}

function parsed(table: string, line: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value === "object" && value !== null) return value as Record<string, unknown>;
  } catch {
    // The error below says it.
  }
  throw damaged(`a row of ${table} is not JSON`);
}

/** The columns that a backup has of each of its tables. */
export type BackupColumns = ReadonlyMap<string, { table: CopyTable; columns: readonly CopyColumn[] }>;

/** Checks that this version can restore a backup of these tables. Throws AppError. */
function checkTables({ migration, version, tables }: Manifest, { migrations }: Store): BackupColumns {
  if (!migrations.includes(migration)) throw tooNew(`its database has the migration ${migration}`, version);
  return new Map(
    tables.map(({ name, columns }) => {
      const table = copyTables.find((one) => one.name === name);
      if (!table) throw damaged(`it has an unknown table ${name}`);
      const known = columns.map((column) => {
        const found = table.columns.find((one) => one.name === column);
        if (!found) throw damaged(`${name} has an unknown column ${column}`);
        return found;
      });
      const missing = table.columns.find((one) => !known.includes(one) && !one.canBeNull && !one.hasDefault);
      if (missing || new Set(columns).size < columns.length)
        throw damaged(`${name} lacks ${missing?.name ?? "a column"}`);
      return [name, { table, columns: known }];
    }),
  );
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
async function makeRoom(fill: StoreFill, manifest: Manifest): Promise<void> {
  for (const table of copyTables.toReversed())
    if (table.part !== "records" || (table.key.length > 0 && manifest.audit)) await fill.remove(table);
}

function restored(
  { createdAt, version, dialect, secrets, audit }: Manifest,
  { merge, dryRun }: RestoreOptions,
  { counts, switchedOff }: Filling,
  survey: Survey,
  verdicts: ReadonlyMap<string, Verdict>,
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
