import { damaged } from "../../backup/manifest.ts";
import type { RowReader } from "../../backup/read-backup.ts";
import type { CopyRow, CopyTable, StoreFill } from "../core/store/copy/copy.ts";
import type { BackupColumns } from "./backup-columns.ts";
import { checkResource, type ResourceRow, readRow } from "./backup-rows.ts";
import type { PlannedRow, RestoreOptions, RestoreVerdict } from "./restore-plan.ts";

export interface FillingOptions {
  fill: StoreFill;
  options: RestoreOptions;
  verdicts: ReadonlyMap<string, RestoreVerdict>;
  columns: BackupColumns;
  /** True if the values of an object are in the backup, or on a backend elsewhere. */
  hasValues(row: Pick<PlannedRow, "externalRef" | "backend">): boolean;
}

/** Puts the rows of a backup into the tables, as its verdicts say. */
export class Filling implements RowReader {
  readonly #options: FillingOptions;
  /** Rows by table and result. */
  readonly counts = new Map<string, Record<RestoreVerdict["result"], number>>();
  /** The servers that were switched off. */
  readonly switchedOff: string[] = [];
  /** Rows so far. */
  total = 0;

  constructor(options: FillingOptions) {
    this.#options = options;
  }

  wants(): boolean {
    return true;
  }

  /** Takes the next rows of a table: a table comes behind those that it refers to. */
  async lines(name: string, lines: readonly string[]): Promise<void> {
    const known = this.#options.columns.get(name);
    if (!known) throw damaged(`it has an unknown table ${name}`);
    const { table, columns } = known;
    const rows = lines.map((line) => readRow(table, columns, line));
    this.total += rows.length;
    const { merge, dryRun } = this.#options.options;
    if (table.part === "records") {
      // Another log in the middle of this one would be a forgery, and usage would count twice.
      if (merge !== undefined) this.#count(name, "skipped", rows.length);
      else if (dryRun) this.#count(name, "created", rows.length);
      else {
        const onConflict = table.stays ? "keep" : "refuse";
        this.#count(name, "created", await this.#options.fill.put(table, rows, onConflict));
      }
      return;
    }
    if (name === "resources") return this.#addObjects(table, rows);
    await this.#addParts(table, rows);
  }

  async #addObjects(table: CopyTable, rows: readonly CopyRow[]): Promise<void> {
    const { fill, verdicts, options } = this.#options;
    const wanted: CopyRow[] = [];
    const replaced: string[] = [];
    for (const row of rows) {
      checkResource(row);
      const verdict = verdicts.get(row.id);
      if (!verdict) throw damaged("its rows are not those that were checked");
      this.#count("resources", verdict.result, 1);
      if (verdict.result === "skipped") continue;
      if (verdict.result === "replaced") replaced.push(verdict.id);
      wanted.push(this.#fitted(row, verdict));
    }
    if (options.merge === "replace" && replaced.length > 0)
      for (const { table: part } of this.#options.columns.values())
        if (part.partOf !== undefined) await fill.remove(part, part.partOf, replaced);
    await fill.put(table, wanted, options.merge === "replace" ? "replace" : "refuse");
  }

  /** Returns an object as it is to be stored here. */
  #fitted(row: ResourceRow, { id, existing }: RestoreVerdict): ResourceRow {
    const { mayRunPrograms, merge } = this.#options.options;
    const given = row.kind === "authorization" ? this.#givenStatus(row) : row.status;
    // That of a server has what its program says, which stays letter by letter.
    const status = row.kind === "server" ? given : this.#withIdsOfHere(given);
    const fitted = { ...row, id, owner: row.owner === null ? null : this.#idHere(row.owner), status };
    if (existing) fitted.version = Math.max(existing.version + 1, row.version);
    // There is one default backend, and with a merge it is the one that stands here.
    if (row.kind === "secretbackend" && merge !== undefined)
      fitted.spec = { ...row.spec, isDefault: existing?.isDefault ?? false };
    const { command, package: packageName, image } = row.spec as Record<string, unknown>;
    const { origin } = row.status as { origin?: unknown };
    const runs = [command, packageName, image].some((source) => source !== undefined);
    if (row.kind === "server" && runs && !mayRunPrograms && origin !== "virtual") {
      fitted.spec = { ...row.spec, replicas: 0 };
      this.switchedOff.push(row.name);
    }
    return fitted;
  }

  /** Returns the status of an authorization: one whose tokens or keys are not in the backup has to be given again. */
  #givenStatus({ spec, status }: ResourceRow): ResourceRow["status"] {
    const { server, serverId, url, userId, externalRef } = status;
    const { backend = "" } = spec;
    if (this.#options.hasValues({ externalRef: externalRef as string | undefined, backend: String(backend) }))
      return status;
    return {
      server,
      serverId,
      ...(url !== undefined && { url }),
      ...(userId !== undefined && { userId }),
      state: "needed",
    };
  }

  /** Returns a value of a status in which the ids of objects are those that they have here. */
  #withIdsOfHere<T>(value: T): T {
    if (typeof value === "string") return this.#idHere(value) as T;
    if (typeof value !== "object" || value === null) return value;
    if (Array.isArray(value)) return value.map((one) => this.#withIdsOfHere(one)) as T;
    const entries = Object.entries(value).map(([key, one]) => [key, this.#withIdsOfHere(one)]);
    return Object.fromEntries(entries) as T;
  }

  async #addParts(table: CopyTable, rows: readonly CopyRow[]): Promise<void> {
    const { fill, options } = this.#options;
    const wanted: CopyRow[] = [];
    for (const row of rows) {
      const verdict = this.#verdictOn(table, row);
      if (verdict?.result === "skipped") {
        this.#count(table.name, "skipped", 1);
        continue;
      }
      for (const column of table.ids)
        if (typeof row[column] === "string") row[column] = this.#idHere(row[column]);
      wanted.push(row);
    }
    const onConflict =
      options.merge === undefined ? "refuse" : options.merge === "replace" ? "replace" : "keep";
    const count = await fill.put(table, wanted, onConflict);
    this.#count(table.name, "created", count);
    this.#count(table.name, "skipped", wanted.length - count);
  }

  /** Returns the verdict on the object that a row is a part of; undefined for a row of its own. */
  #verdictOn({ name, partOf }: CopyTable, row: CopyRow): RestoreVerdict | undefined {
    const { verdicts } = this.#options;
    if (partOf !== undefined) return verdicts.get(String(row[partOf]));
    if (name !== "secret_data") return undefined;
    // A ref begins with the id of its secret.
    return verdicts.get(String(row["ref"]).split("/")[0]!);
  }

  #idHere(id: string): string {
    return this.#options.verdicts.get(id)?.id ?? id;
  }

  #count(table: string, result: RestoreVerdict["result"], rows: number): void {
    const counts = this.counts.get(table) ?? { created: 0, replaced: 0, skipped: 0 };
    counts[result] += rows;
    this.counts.set(table, counts);
  }
}
