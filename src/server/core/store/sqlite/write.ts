import type { Database, Statement } from "bun:sqlite";
import { and, eq, isNull, ne } from "drizzle-orm";
import type { BunSQLiteDatabase } from "drizzle-orm/bun-sqlite";
import { type AuditValue, addAuditValues, auditColumns } from "../audit.ts";
import { burial, burialOf, buriedTargetsOf, holdersOf } from "../buried-rows.ts";
import { ended, type Note, refuseIf } from "../changes.ts";
import { isCondition, refusalBy, violationOf, type WriteCondition } from "../conditions.ts";
import { isNamedInRecords } from "../former-names.ts";
import { type AuditEvent, type Ref, StoreError, type UsageRow, type Write } from "../types.ts";
import { keepName } from "./former-names.ts";
import {
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
} from "./schema.ts";

/** The most audit events that one statement inserts. */
export const eventsOfStatement = 32;

/**
 * Prepares the inserts that every call waits for; without drizzle, which takes several times as long. One statement
 * inserts all events that are given, `eventsOfStatement` at most: it needs no transaction around it.
 */
export function prepareAudit(database: Database): (events: readonly AuditEvent[]) => void {
  const columns = auditColumns.join(", ");
  const places = `(${auditColumns.map(() => "?").join(", ")})`;
  /** By the number of events. */
  const statements: Statement[] = [];
  return (events) => {
    const { length } = events;
    statements[length] ??= database.prepare(
      `insert into audit_events (${columns}) values ${Array(length).fill(places).join(", ")}`,
    );
    const values: AuditValue[] = [];
    for (const event of events) addAuditValues(values, event);
    // A list as the only argument: hundreds of arguments would be copied twice.
    statements[length].run(values as unknown as AuditValue);
  };
}

/** Prepares the update that adds to a row of the usage. */
export function prepareUsage(database: Database): (row: UsageRow) => void {
  const statement = database.prepare(`
    insert into usage values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    on conflict (day, user_id, token_id, llm) do update set
      requests = requests + excluded.requests, errors = errors + excluded.errors,
      prompt_tokens = prompt_tokens + excluded.prompt_tokens,
      completion_tokens = completion_tokens + excluded.completion_tokens,
      cached_tokens = cached_tokens + excluded.cached_tokens,
      cost_micros = cost_micros + excluded.cost_micros,
      unpriced = unpriced + excluded.unpriced, images = images + excluded.images,
      seconds = seconds + excluded.seconds, characters = characters + excluded.characters,
      searches = searches + excluded.searches`);
  return ({ day, userId, tokenId, llm, requests, errors, ...counts }) => {
    const { promptTokens, completionTokens, cachedTokens, costMicros } = counts;
    const { unpriced, images, seconds, characters, searches } = counts;
    statement.run(
      day,
      userId,
      tokenId,
      llm,
      requests,
      errors,
      promptTokens,
      completionTokens,
      cachedTokens,
      costMicros,
      unpriced,
      images,
      seconds,
      characters,
      searches,
    );
  };
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
export function apply(db: BunSQLiteDatabase, write: Exclude<Write, { op: "audit" }>, at: number): Note[] {
  if (isCondition(write)) {
    check(db, [write]);
    return [];
  }
  switch (write.op) {
    case "insert": {
      const { id, kind } = write.row;
      db.insert(resources).values(write.row).run();
      insertRefs(db, id, write.refs);
      return [{ kind, id, operation: "insert" }];
    }
    case "update": {
      const { id, kind, createdAt: _, ...values } = write.row;
      const stored = and(eq(resources.id, id), eq(resources.version, values.version - 1));
      const updated = db.update(resources).set(values).where(stored).returning({ id: resources.id }).all();
      if (updated.length === 0) throw new StoreError("stale");
      db.delete(refs).where(eq(refs.fromId, id)).run();
      insertRefs(db, id, write.refs);
      return [{ kind, id, operation: "update" }];
    }
    case "delete": {
      const { id, version } = write;
      const stored = and(eq(resources.id, id), eq(resources.version, version));
      const [deleted] = db.delete(resources).where(stored).returning(named).all();
      if (deleted === undefined) throw new StoreError("stale");
      if (isNamedInRecords(deleted.kind)) keepName(db, { ...deleted, deletedAt: at });
      return [{ kind: deleted.kind, id, operation: "delete" }];
    }
    case "bury": {
      const { id, version } = write;
      const stored = and(eq(resources.id, id), eq(resources.version, version));
      const [found] = db.select(named).from(resources).where(stored).all();
      if (found === undefined) throw new StoreError("stale");
      for (const statement of [...burial(id), burialOf(found)]) db.run(statement);
      refuseIf(db.all(holdersOf(id)), "referenced");
      if (isNamedInRecords(found.kind)) keepName(db, { ...found, deletedAt: at });
      return [{ kind: found.kind, id, operation: "delete" }];
    }
    case "setPassword": {
      const { userId: id, hash } = write;
      if (hash !== null) return [setCredential(db, id, "password", hash)];
      db.delete(credentials).where(eq(credentials.resourceId, id)).run();
      return [{ kind: "credential", id, operation: "delete" }];
    }
    case "setBearer":
      return [setCredential(db, write.tokenId, "bearer", write.hash)];
    case "insertSession":
      db.insert(sessions).values(write.session).run();
      return [{ kind: "session", id: write.session.id, operation: "insert" }];
    case "deleteSession": {
      const which = eq(sessions.id, write.id);
      return ended(db.delete(sessions).where(which).returning({ id: sessions.id }).all());
    }
    case "deleteSessionsOf": {
      const ofUser = eq(sessions.userId, write.userId);
      const which = write.exceptId === undefined ? ofUser : and(ofUser, ne(sessions.id, write.exceptId));
      return ended(db.delete(sessions).where(which).returning({ id: sessions.id }).all());
    }
    case "deleteThreadsOf":
      db.delete(threads).where(eq(threads.ownerId, write.userId)).run();
      return [];
    case "deleteTasksOf": {
      const { userId, tokenId } = write;
      const own = (table: typeof storedFiles | typeof inferenceBatches | typeof inferenceTasks) =>
        and(eq(table.ownerId, userId), tokenId === undefined ? undefined : eq(table.tokenId, tokenId));
      db.update(storedFiles).set({ state: "deleted" }).where(own(storedFiles)).run();
      const alone = and(own(inferenceTasks), isNull(inferenceTasks.batchId));
      db.delete(inferenceTasks).where(alone).run();
      // As a batch that its owner deletes: its tasks go away in steps, and nobody sees it.
      db.update(inferenceBatches).set({ state: "cancelled", endedAt: 0 }).where(own(inferenceBatches)).run();
      return [];
    }
    case "putSecretData": {
      const { ref, backendId, data, at: createdAt } = write;
      const values = { ref, backendId, data, createdAt };
      db.insert(secretData).values(values).onConflictDoUpdate({ target: secretData.ref, set: values }).run();
      return [];
    }
    case "replaceSecretData":
      db.update(secretData).set({ data: write.data }).where(eq(secretData.ref, write.ref)).run();
      return [];
    case "deleteSecretData":
      db.delete(secretData).where(eq(secretData.ref, write.ref)).run();
      return [];
    case "addOrphan":
      db.insert(secretOrphans).values(write.orphan).run();
      return [];
    case "doomOrphan": {
      const { ref } = secretOrphans;
      const doomed = db.update(secretOrphans).set({ doomed: true }).where(eq(ref, write.ref));
      if (doomed.returning({ ref }).all().length === 0) throw new StoreError("stale");
      return [];
    }
    case "adoptOrphan": {
      const { ref, doomed } = secretOrphans;
      const adoptable = and(eq(ref, write.ref), eq(doomed, false));
      if (db.delete(secretOrphans).where(adoptable).returning({ ref }).all().length === 0)
        throw new StoreError("stale");
      return [];
    }
    case "dropOrphan":
      db.delete(secretOrphans).where(eq(secretOrphans.ref, write.ref)).run();
      return [];
  }
}

/** Throws StoreError if one of some conditions does not hold in the caller's transaction. */
export function check(db: BunSQLiteDatabase, conditions: readonly WriteCondition[]): void {
  for (const condition of conditions)
    if (db.all(violationOf(condition)).length > 0) throw new StoreError(refusalBy(condition));
}

function insertRefs(db: BunSQLiteDatabase, fromId: string, list: readonly Ref[]): void {
  const rows = list.map((ref) => ({ fromId, ...ref }));
  for (const row of rows) db.insert(refs).values(row).run();
  if (rows.length > 0) refuseIf(db.all(buriedTargetsOf(fromId)), "dangling");
}

function setCredential(db: BunSQLiteDatabase, id: string, type: "password" | "bearer", hash: string): Note {
  const values = { resourceId: id, type, hash, lastUsedAt: null };
  db.insert(credentials)
    .values(values)
    .onConflictDoUpdate({ target: credentials.resourceId, set: values })
    .run();
  return { kind: "credential", id, operation: "update" };
}
