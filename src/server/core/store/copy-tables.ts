import { getTableColumns } from "drizzle-orm";
import { getTableConfig, type SQLiteTable } from "drizzle-orm/sqlite-core";
import { buried } from "./buried-rows.ts";
import type { CopyPart, CopyTable } from "./copy/copy.ts";
import type * as postgresSchema from "./postgres/schema.ts";
import * as schema from "./sqlite/schema.ts";

interface Policy {
  part: CopyPart;
  where?: string;
  /** A column that the database numbers anew. */
  numbered?: string;
  partOf?: string;
  /** The rows of a restored server stay. */
  stays?: true;
  /** Columns with ids of resources that no foreign key tells of. */
  ids?: readonly string[];
}

const endedBatches = "'completed', 'failed', 'cancelled', 'expired'";
const instances = "select id from resources where kind = 'instance'";
/** Rows that are deleted, but for the large things that refer to them. */
const gone = `select id from resources where kind = '${buried}'`;
const isKept = `owner_id not in (${gone})`;
const keptThreads = `${isKept} and agent_id not in (${gone})`;
const keptFiles = `state = 'processed' and ${isKept}`;
const keptTasks = `batch_id is null and state not in ('pending', 'running') and ${isKept}`;

/**
 * Every table of both dialects, and the way it goes into a backup. Without a line here, a new table does not compile.
 * Tables that stay behind:
 *
 * - sessions of logins and of workstations: they belong to one server, and a backup must let nobody in
 * - changes and usage_through: positions in this one database
 * - orphans: a restored copy would delete values that the first server has adopted since
 * - nodes and their instances: they say what runs now
 * - batches and tasks under way: the server that they are on does them, and a copy would do and pay them again
 */
const policies = {
  // The server that runs it writes it itself.
  resources: { part: "catalogue", where: `kind not in ('instance', '${buried}')` },
  refs: { part: "catalogue", where: `from_id not in (${instances})`, partOf: "from_id" },
  credentials: { part: "catalogue", partOf: "resource_id" },
  threads: { part: "catalogue", where: keptThreads },
  threadMessages: { part: "catalogue", where: `thread_id in (select id from threads where ${keptThreads})` },
  providerObjects: { part: "catalogue", where: `${isKept} and llm_id not in (${gone})` },
  storedFiles: { part: "catalogue", where: keptFiles },
  storedFileParts: {
    part: "catalogue",
    where: `file_id in (select id from stored_files where ${keptFiles})`,
  },
  inferenceBatches: { part: "catalogue", where: `state in (${endedBatches}) and ${isKept}` },
  inferenceTasks: {
    part: "catalogue",
    where: keptTasks,
  },
  inferenceTaskParts: {
    part: "catalogue",
    where: `task_id in (select id from inference_tasks where ${keptTasks})`,
  },
  secretData: {
    part: "secrets",
    where: "ref not in (select ref from secret_orphans)",
    ids: ["backend_id"],
  },
  auditEvents: { part: "records", numbered: "id" },
  usage: { part: "records" },
  formerNames: { part: "records", stays: true },
  changes: undefined,
  secretOrphans: undefined,
  sessions: undefined,
  providerSessions: undefined,
  usageThrough: undefined,
  clusterNodes: undefined,
  clusterInstances: undefined,
} as const satisfies Record<keyof typeof schema | keyof typeof postgresSchema, Policy | undefined>;

const schemaTables: Readonly<Record<string, SQLiteTable>> = { ...schema };

const types = { string: "text", number: "integer", boolean: "boolean", json: "json" } as const;

function copyTable(key: string, policy: Policy): CopyTable & { needs: string[] } {
  const table = schemaTables[key]!;
  const { name, primaryKeys, foreignKeys } = getTableConfig(table);
  const columns = Object.values(getTableColumns(table));
  const travelling = columns.filter((column) => column.name !== policy.numbered);
  const keys = [
    ...columns.filter((column) => column.primary),
    ...primaryKeys.flatMap((primary) => primary.columns),
  ].map((column) => column.name);
  const references = foreignKeys.map((foreign) => {
    const { columns: from, foreignTable } = foreign.reference();
    return { column: from[0]!.name, table: getTableConfig(foreignTable as SQLiteTable).name };
  });
  return {
    name,
    part: policy.part,
    columns: travelling.map((column) => ({
      name: column.name,
      type: types[column.dataType as keyof typeof types],
      canBeNull: !column.notNull,
      hasDefault: column.hasDefault,
    })),
    key: keys.filter((one) => one !== policy.numbered),
    where: policy.where,
    order: keys,
    ids: [
      ...references.filter((one) => one.table === "resources").map(({ column }) => column),
      ...(policy.ids ?? []),
    ],
    partOf: policy.partOf,
    stays: policy.stays ?? false,
    needs: references.map((one) => one.table),
  };
}

/** The tables that go into backups, each behind those that it refers to. */
export const copyTables: readonly CopyTable[] = inOrder(
  Object.entries(policies).flatMap(([key, policy]) => (policy ? [copyTable(key, policy)] : [])),
);

function inOrder(tables: readonly (CopyTable & { needs: string[] })[]): CopyTable[] {
  const placed: CopyTable[] = [];
  const waiting = [...tables];
  while (waiting.length > 0) {
    const next = waiting.findIndex(
      ({ needs, name }) => !waiting.some((other) => other.name !== name && needs.includes(other.name)),
    );
    placed.push(...waiting.splice(Math.max(next, 0), 1));
  }
  return placed;
}
