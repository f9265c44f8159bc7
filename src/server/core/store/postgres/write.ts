import { and, eq, isNull, ne, sql } from "drizzle-orm";
import type { PgColumn } from "drizzle-orm/pg-core";
import type { PostgresJsDatabase } from "drizzle-orm/postgres-js";
import { type AuditValue, addAuditValues, auditColumns } from "../audit.ts";
import { burial, burialOf, buriedTargetsOf, holdersOf } from "../buried-rows.ts";
import { ended, type Note, refuseIf } from "../changes.ts";
import { isCondition, refusalBy, violationOf, type WriteCondition } from "../conditions.ts";
import { isNamedInRecords } from "../former-names.ts";
import { type AuditEvent, type Ref, StoreError, type UsageRow, type Write } from "../types.ts";
import { keepName } from "./former-names.ts";
import {
  auditEvents,
  credentials,
  inferenceBatches,
  inferenceTasks,
  refs,
  resources,
  secretData,
  secretOrphans,
  sessions,
  storedFiles,
  threads,
  usage,
} from "./schema.ts";

/** Queries of a database, or of a transaction. */
export type Queries = Pick<PostgresJsDatabase, "select" | "insert" | "update" | "delete" | "execute">;

const columns = sql.raw(auditColumns.join(", "));
// `detail` is JSON text inside the JSON, as for SQLite.
const selected = sql.raw(auditColumns.join(", ").replace("detail", "(detail #>> '{}')::jsonb"));

/** Appends events, as one parameter whatever their number. */
export async function insertAudit(db: Queries, events: readonly AuditEvent[]): Promise<void> {
  const rows = events.map((event) => {
    const values: AuditValue[] = [];
    addAuditValues(values, event);
    return Object.fromEntries(auditColumns.map((column, index) => [column, values[index]]));
  });
  await db.execute(sql`
    insert into ${auditEvents} (${columns})
    select ${selected} from json_populate_recordset(null::audit_events, ${JSON.stringify(rows)}::json)`);
}

/** Adds to the usage, in the same transaction as the events. */
export async function addUsage(db: Queries, rows: readonly UsageRow[]): Promise<void> {
  if (rows.length === 0) return;
  const add = (column: PgColumn) => sql`${column} + excluded.${sql.identifier(column.name)}`;
  const { requests, errors, promptTokens, completionTokens, cachedTokens, costMicros } = usage;
  const { unpriced, images, seconds, characters, searches } = usage;
  await db
    .insert(usage)
    .values([...rows])
    .onConflictDoUpdate({
      target: [usage.day, usage.userId, usage.tokenId, usage.llm],
      set: {
        requests: add(requests),
        errors: add(errors),
        promptTokens: add(promptTokens),
        completionTokens: add(completionTokens),
        cachedTokens: add(cachedTokens),
        costMicros: add(costMicros),
        unpriced: add(unpriced),
        images: add(images),
        seconds: add(seconds),
        characters: add(characters),
        searches: add(searches),
      },
    });
}

/** The columns of a deleted row that are kept with its name. */
const named = {
  id: resources.id,
  kind: resources.kind,
  name: resources.name,
  owner: resources.owner,
  createdAt: resources.createdAt,
};

/**
 * Does one write inside the caller's transaction. Returns its changes, for the feed.
 *
 * @param at the time, in milliseconds since 1970
 */
export async function apply(db: Queries, write: Write, at: number): Promise<Note[]> {
  if (isCondition(write)) {
    await check(db, [write]);
    return [];
  }
  switch (write.op) {
    case "insert": {
      const { id, kind } = write.row;
      await db.insert(resources).values(write.row);
      await insertRefs(db, id, write.refs);
      return [{ kind, id, operation: "insert" }];
    }
    case "update": {
      const { id, kind, createdAt: _, ...values } = write.row;
      const stored = and(eq(resources.id, id), eq(resources.version, values.version - 1));
      const updated = await db.update(resources).set(values).where(stored).returning({ id: resources.id });
      if (updated.length === 0) throw new StoreError("stale");
      await db.delete(refs).where(eq(refs.fromId, id));
      await insertRefs(db, id, write.refs);
      return [{ kind, id, operation: "update" }];
    }
    case "delete": {
      const { id, version } = write;
      const stored = and(eq(resources.id, id), eq(resources.version, version));
      const [deleted] = await db.delete(resources).where(stored).returning(named);
      if (deleted === undefined) throw new StoreError("stale");
      if (isNamedInRecords(deleted.kind)) await keepName(db, { ...deleted, deletedAt: at });
      return [{ kind: deleted.kind, id, operation: "delete" }];
    }
    case "bury": {
      const { id, version } = write;
      const stored = and(eq(resources.id, id), eq(resources.version, version));
      const [found] = await db.select(named).from(resources).where(stored);
      if (found === undefined) throw new StoreError("stale");
      for (const statement of [...burial(id), burialOf(found)]) await db.execute(statement);
      refuseIf(await db.execute(holdersOf(id)), "referenced");
      if (isNamedInRecords(found.kind)) await keepName(db, { ...found, deletedAt: at });
      return [{ kind: found.kind, id, operation: "delete" }];
    }
    case "setPassword": {
      const { userId: id, hash } = write;
      if (hash !== null) return [await setCredential(db, id, "password", hash)];
      await db.delete(credentials).where(eq(credentials.resourceId, id));
      return [{ kind: "credential", id, operation: "delete" }];
    }
    case "setBearer":
      return [await setCredential(db, write.tokenId, "bearer", write.hash)];
    case "insertSession":
      await db.insert(sessions).values(write.session);
      return [{ kind: "session", id: write.session.id, operation: "insert" }];
    case "deleteSession": {
      const which = eq(sessions.id, write.id);
      return ended(await db.delete(sessions).where(which).returning({ id: sessions.id }));
    }
    case "deleteSessionsOf": {
      const ofUser = eq(sessions.userId, write.userId);
      const which = write.exceptId === undefined ? ofUser : and(ofUser, ne(sessions.id, write.exceptId));
      return ended(await db.delete(sessions).where(which).returning({ id: sessions.id }));
    }
    case "deleteThreadsOf":
      await db.delete(threads).where(eq(threads.ownerId, write.userId));
      return [];
    case "deleteTasksOf": {
      const { userId, tokenId } = write;
      const own = (table: typeof storedFiles | typeof inferenceBatches | typeof inferenceTasks) =>
        and(eq(table.ownerId, userId), tokenId === undefined ? undefined : eq(table.tokenId, tokenId));
      await db.update(storedFiles).set({ state: "deleted" }).where(own(storedFiles));
      const alone = and(own(inferenceTasks), isNull(inferenceTasks.batchId));
      await db.delete(inferenceTasks).where(alone);
      // As a batch that its owner deletes: its tasks go away in steps, and nobody sees it.
      await db.update(inferenceBatches).set({ state: "cancelled", endedAt: 0 }).where(own(inferenceBatches));
      return [];
    }
    case "putSecretData": {
      const { ref, backendId, data, at: createdAt } = write;
      const values = { ref, backendId, data, createdAt };
      await db.insert(secretData).values(values).onConflictDoUpdate({ target: secretData.ref, set: values });
      return [];
    }
    case "replaceSecretData":
      await db.update(secretData).set({ data: write.data }).where(eq(secretData.ref, write.ref));
      return [];
    case "deleteSecretData":
      await db.delete(secretData).where(eq(secretData.ref, write.ref));
      return [];
    case "addOrphan":
      await db.insert(secretOrphans).values(write.orphan);
      return [];
    case "doomOrphan": {
      const { ref } = secretOrphans;
      const doomed = db.update(secretOrphans).set({ doomed: true }).where(eq(ref, write.ref));
      if ((await doomed.returning({ ref })).length === 0) throw new StoreError("stale");
      return [];
    }
    case "adoptOrphan": {
      const { ref, doomed } = secretOrphans;
      const adoptable = and(eq(ref, write.ref), eq(doomed, false));
      if ((await db.delete(secretOrphans).where(adoptable).returning({ ref })).length === 0)
        throw new StoreError("stale");
      return [];
    }
    case "dropOrphan":
      await db.delete(secretOrphans).where(eq(secretOrphans.ref, write.ref));
      return [];
    case "audit":
      await insertAudit(db, [write.event]);
      return [];
  }
}

/** Throws StoreError if one of some conditions does not hold in the caller's transaction. */
export async function check(db: Queries, conditions: readonly WriteCondition[]): Promise<void> {
  for (const condition of conditions)
    if ((await db.execute(violationOf(condition))).length > 0) throw new StoreError(refusalBy(condition));
}

async function insertRefs(db: Queries, fromId: string, list: readonly Ref[]): Promise<void> {
  if (list.length === 0) return;
  await db.insert(refs).values(list.map((ref) => ({ fromId, ...ref })));
  refuseIf(await db.execute(buriedTargetsOf(fromId)), "dangling");
}

async function setCredential(
  db: Queries,
  id: string,
  type: "password" | "bearer",
  hash: string,
): Promise<Note> {
  const values = { resourceId: id, type, hash, lastUsedAt: null };
  await db
    .insert(credentials)
    .values(values)
    .onConflictDoUpdate({ target: credentials.resourceId, set: values });
  return { kind: "credential", id, operation: "update" };
}
