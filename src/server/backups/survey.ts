import { damaged } from "../../backup/manifest.ts";
import type { RowReader } from "../../backup/read-backup.ts";
import { AppError } from "../../errors.ts";
import { findBackendType } from "../../kinds/secret-backends/config.ts";
import type { PlannedRow } from "./restore-plan.ts";

/** The facts about a backup that decide what becomes of its rows. */
export class Survey implements RowReader {
  readonly objects: PlannedRow[] = [];
  /** The refs of secrets whose values are in the backup. */
  readonly refs = new Set<string>();
  /** The ids of the master keys of sealed secrets. */
  readonly masterKeys = new Set<string>();
  readonly #backendTypes = new Map<string, unknown>();
  rows = 0;
  /** The first row that this version cannot read. The manifest tells if a newer one wrote it. */
  fault: AppError | undefined;

  wants(table: string): boolean {
    return table === "resources" || table === "secret_data";
  }

  counted(rows: number): void {
    this.rows += rows;
  }

  lines(table: string, lines: readonly string[]): void {
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
    if (table === "secret_data") for (const line of lines) this.#addValues(parsed(table, line));
  }

  #addValues({ ref, data }: Record<string, unknown>): void {
    this.refs.add(String(ref));
    const { kid } = (data ?? {}) as { kid?: unknown };
    if (typeof kid === "string" && /^[0-9a-f]{16}$/.test(kid)) this.masterKeys.add(kid);
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
  hasValues({ externalRef, backend }: Pick<PlannedRow, "externalRef" | "backend">): boolean {
    if (externalRef === undefined || this.refs.has(externalRef)) return true;
    // A type that needs a login keeps them elsewhere.
    return findBackendType(this.#backendTypes.get(backend))?.login !== undefined;
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
