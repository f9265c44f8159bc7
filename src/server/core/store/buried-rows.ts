import { type SQL, sql } from "drizzle-orm";

/**
 * The kind of a row that is deleted for everybody, and is there only until the large things are deleted that refer to it,
 * some at a time. Its scope is the kind that it had.
 */
export const buried = "buried";

/** The columns with ids of rows in tables that are not large, by table. What they hold goes away with the row at once. */
export const smallDependents: Readonly<Record<string, readonly string[]>> = {
  refs: ["from_id"],
  credentials: ["resource_id"],
  sessions: ["user_id", "impersonator_id"],
  provider_sessions: ["owner_id"],
};

/** Returns the statements that bury a row, but for the update of the row itself. */
export function burial(id: string): SQL[] {
  return Object.entries(smallDependents).flatMap(([table, columns]) =>
    columns.map(
      (column) => sql`delete from ${sql.identifier(table)} where ${sql.identifier(column)} = ${id}`,
    ),
  );
}

/** Returns the query that finds something that refers to a row, and holds it. */
export function holdersOf(id: string): SQL {
  return sql`select 1 from refs where to_id = ${id} limit 1`;
}

/** Returns the update that makes a row a buried one. Whoever has read it before cannot write it. */
export function burialOf({ id, kind }: { id: string; kind: string }): SQL {
  return sql`update resources set kind = ${buried}, scope = ${kind}, name = ${id}, owner = null, visibility = null,
    spec = '{}', status = '{}', version = version + 1 where id = ${id}`;
}

/** Returns the query that finds a buried row to which a row refers. The database itself takes such a reference. */
export function buriedTargetsOf(id: string): SQL {
  return sql`select 1 from refs join resources on resources.id = refs.to_id
    where refs.from_id = ${id} and resources.kind = ${buried} limit 1`;
}

/** The query of all buried rows. */
export const buriedRows = sql`select id, scope as kind from resources where kind = ${buried}`;
