import { type Static, Type } from "@sinclair/typebox";
import { AppError } from "../errors.ts";
import { oneOf } from "../kinds/define.ts";
import { validate } from "../kinds/validate.ts";

/** The format that this version writes, and the newest that it reads. */
export const format = 1;
/** The name of the member that describes the others. It is the last one. */
export const manifestName = "manifest.json";
/** The most bytes of the manifest. */
export const maxManifestBytes = 16 * 1024 * 1024;

const Count = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });
const Word = Type.String({ minLength: 1, maxLength: 200 });

const BackupManifest = Type.Object(
  {
    product: Type.Literal("mcpctl"),
    format: Type.Literal(format),
    /** The version of mcpctl that wrote the backup. */
    version: Word,
    /** The last migration of the database that was backed up. */
    migration: Word,
    dialect: oneOf(["sqlite", "postgres"]),
    createdAt: Type.String({ format: "date-time", maxLength: 40 }),
    /** `values`: the values of secrets that the database keeps in plain text are in it. */
    secrets: oneOf(["references", "values"]),
    /** True if the audit log and the usage are in it. */
    audit: Type.Boolean(),
    tables: Type.Array(
      Type.Object(
        { name: Word, columns: Type.Array(Word, { minItems: 1, maxItems: 200 }), rows: Count },
        { additionalProperties: false },
      ),
      { maxItems: 500 },
    ),
    /** The other members, in their order. */
    members: Type.Array(
      Type.Object(
        { name: Word, size: Count, rows: Count, sha256: Type.String({ pattern: "^[0-9a-f]{64}$" }) },
        { additionalProperties: false },
      ),
      { maxItems: 100_000 },
    ),
  },
  { additionalProperties: false },
);
/** The description of a backup: its last member, as JSON. */
export type BackupManifest = Static<typeof BackupManifest>;
export type ManifestMember = BackupManifest["members"][number];

/** Returns the name of a part of a table: `audit_events.ndjson`, then `audit_events.2.ndjson`. */
export function memberName(table: string, part: number): string {
  return part === 1 ? `${table}.ndjson` : `${table}.${part}.ndjson`;
}

/** Returns the table and the part that a member has; undefined for any other name. */
export function partOf(name: string): { table: string; part: number } | undefined {
  const [, table, part = "1"] =
    /^([a-z][a-z0-9_]{0,62})(?:\.([2-9]|[1-9]\d{1,5}))?\.ndjson$/.exec(name) ?? [];
  return table === undefined ? undefined : { table, part: Number(part) };
}

/**
 * Reads a manifest.
 *
 * @throws AppError `invalid_request` if it is not one, `not_supported` if a newer mcpctl wrote it
 */
export function parseManifest(text: string): BackupManifest {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw damaged("its manifest is not JSON");
  }
  const { product, format: found, version } = (value ?? {}) as Record<string, unknown>;
  if (product === "mcpctl" && typeof found === "number" && found > format)
    throw tooNew(`it has format ${found}`, version);
  const [fault] = validate(BackupManifest, value);
  if (fault) throw damaged(`its manifest is not valid: ${fault.path || "/"} ${fault.message}`);
  return value as BackupManifest;
}

/** The error of a backup that is not whole, or not one. */
export function damaged(why: string, cause?: unknown): AppError {
  return new AppError("invalid_request", `the backup is damaged: ${why}`, {
    hint: "Use another backup. Nothing was changed.",
    ...(cause !== undefined && { cause }),
  });
}

/** The error of a backup that only a newer mcpctl can read. */
export function tooNew(why: string, version: unknown): AppError {
  const named = typeof version === "string" && /^[\w.+-]{1,50}$/.test(version) ? ` ${version}` : "";
  return new AppError("not_supported", `the backup was written by a newer mcpctl${named}: ${why}`, {
    hint: `Install mcpctl${named} or newer, then restore it there. Nothing was changed.`,
  });
}
