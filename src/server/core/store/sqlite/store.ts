import { statSync } from "node:fs";
import { dirname } from "node:path";
import { and, asc, count, eq, getTableColumns, gte, lte, max, ne, sql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/bun-sqlite";
import type { SQLiteColumn } from "drizzle-orm/sqlite-core";
import { migrations } from "../../../../../drizzle/sqlite/migrations.ts";
import { eachInTurns } from "../../../../wire/next-turn.ts";
import { callsWhere } from "../audit.ts";
import { buried } from "../buried-rows.ts";
import { after, ended, type Note } from "../changes.ts";
import type { WriteCondition } from "../conditions.ts";
import { type Ids, idsOf, inMemory } from "../contents.ts";
import { failureNotes } from "../failure-notes.ts";
import { LockedByRestore } from "../locked-by-restore.ts";
import type { Migration } from "../migration.ts";
import { assertStorable } from "../storable.ts";
import { taskQueries } from "../task-queries.ts";
import { type Contents, type Store, StoreError, type Write } from "../types.ts";
import { checkpointInTime } from "./checkpoints.ts";
import { copyQueries } from "./copy.ts";
import { diskFault, failedWrite } from "./disk-fault.ts";
import { formerNameQueries } from "./former-names.ts";
import { linkQueries } from "./links.ts";
import { load } from "./load.ts";
import { lockedOut, lockRetry } from "./lock-retry.ts";
import { commitInTurns, type Writer, writesOfTurn } from "./long-commit.ts";
import { networkShare } from "./network-share.ts";
import { explain, onShare, openDatabase, rescue } from "./open.ts";
import { providerObjectQueries } from "./provider-objects.ts";
import { codeOf, isFailedWrite, refusal } from "./refusal.ts";
import {
  auditEvents,
  changes,
  credentials,
  refs,
  resources,
  secretData,
  secretOrphans,
  sessions,
} from "./schema.ts";
import { search, tail } from "./search.ts";
import { keepStatements } from "./statements.ts";
import { taskDatabase } from "./task-database.ts";
import { threadQueries } from "./threads.ts";
import { trimQueries } from "./trim.ts";
import { readUsage } from "./usage.ts";
import { type UsageRollup, usageRollup } from "./usage-rollup.ts";
import { apply, check, eventsOfStatement, prepareAudit } from "./write.ts";

/** Options of `openSqlite` that have defaults. */
export interface SqliteOptions {
  steps?: readonly Migration[];
  /** Milliseconds after which a query fails because another program holds the lock of the file. */
  lockTimeout?: number;
  /** Gets the reasons of failures, for the log. */
  onWarning?: (text: string) => void;
  /** Gets a sentence about migrations, for the log. */
  onMigrated?: (text: string) => void;
}

const unsynced =
  "the disk of the database has failed, and what was written last may be lost: mend the disk, then restart mcpctl";

/** Writes one row as it is. There always is one: the built-in user. */
const touchOne = sql`update resources set version = version where id = (select min(id) from resources)`;

/**
 * Opens a store in one SQLite file. All of it is synchronous inside: on `bun:sqlite` a transaction with an async callback
 * commits at the first `await` and cannot be rolled back after that (drizzle-team/drizzle-orm#1472).
 */
export function openSqlite(
  path: string,
  now: () => number,
  { steps = migrations, lockTimeout, onWarning = () => {}, onMigrated }: SqliteOptions = {},
): Store {
  const { database, close } = openDatabase(path, steps, now, onMigrated);
  const share = networkShare(path);
  if (share) onWarning(`${path}: ${onShare(share)}`);
  const note = failureNotes(onWarning);
  let isFilling = false;
  const locks = lockRetry(lockTimeout, (cause) =>
    isFilling ? new LockedByRestore(cause) : lockedOut(cause),
  );
  /** The last write failed, and not because the disk is full. */
  let isStuck = false;
  const { client, finalize } = keepStatements(database);
  const db = drizzle({ client });
  const insertAudit = prepareAudit(client);
  const writer: Writer = { db, insertAudit };
  let loading: Promise<Contents> | undefined;
  /** Stores an event and takes it away again, in one transaction: it needs the room of an event. */
  function tryAudit(): void {
    insertAudit([{ at: now(), action: "trial", requestId: "", userId: null, tokenId: null, status: 200 }]);
    const { id } = auditEvents;
    db.delete(auditEvents)
      .where(eq(id, sql`(select max(${id}) from ${auditEvents})`))
      .run();
  }
  const rollup = openRollup();
  /**
   * The disk did not keep what it took. The kernel tells it once: a later attempt succeeds although the writes are lost
   * (https://lwn.net/Articles/752063/), so this holds until a restart.
   */
  let isUnsynced = false;
  const checkpoints = checkpointInTime(database, (error) => {
    failure(error);
    isUnsynced ||= codeOf(error)?.startsWith("SQLITE_IOERR") === true;
  });
  /** Listeners for new audit events. */
  const followers = new Set<() => void>();

  function ring(): void {
    for (const follower of followers) follower();
  }

  /** Reads the end of the audit log, which the check at the start leaves out. */
  function openRollup(): UsageRollup {
    try {
      return usageRollup(database, db, client);
    } catch (error) {
      finalize();
      close();
      throw explain(error, path);
    }
  }

  /** Returns the error to throw for an error, and tells the log about a file that cannot be used. */
  function failure(error: unknown): unknown {
    const disk = isFailedWrite(error) ? failedWrite(dirname(path), error) : undefined;
    const refused = disk ?? refusal(error);
    if (refused instanceof LockedByRestore) return refused;
    if (refused instanceof StoreError && refused.reason !== undefined) {
      const cause = refused.cause instanceof Error ? ` (${refused.cause.message})` : "";
      const advice = /damaged/.test(refused.reason) ? `. ${rescue(path)}` : "";
      note(`${path}: ${refused.reason}${cause}${advice}`);
    }
    return refused;
  }

  /** Runs a read, and throws its errors as StoreError. */
  async function guarded<T>(work: () => T | Promise<T>): Promise<T> {
    try {
      return await locks.read(work);
    } catch (error) {
      throw failure(error);
    }
  }

  let isClosed = false;
  /** One transaction for all work: to make one costs as much as a small write. */
  const transaction = database.transaction((work: () => unknown) => work());
  const inTransaction = <T>(work: () => T, kind: "deferred" | "immediate" | "none"): T => {
    if (isClosed) throw new StoreError("unavailable");
    return kind === "none" ? work() : (transaction[kind](work) as T);
  };

  /** Runs reads that all see the same state. */
  const reading = <T>(work: () => T) => guarded(() => inTransaction(work, "deferred"));

  /**
   * Runs a write, with the write lock from its beginning: a transaction that reads first may fail to get the lock.
   *
   * @param kind "none" for work of one statement, which is a transaction by itself
   */
  async function writing<T>(work: () => T, kind: "immediate" | "none" = "immediate"): Promise<T> {
    try {
      const result = await locks.write(() => inTransaction(work, kind));
      checkpoints.wrote();
      return result;
    } catch (error) {
      const refused = failure(error);
      isStuck ||= refused instanceof StoreError && refused.refusal === "unavailable";
      throw refused;
    }
  }

  /** Runs a write, if conditions hold in its transaction. */
  const writingIf = <T>(conditions: readonly WriteCondition[], work: () => T) =>
    writing(() => {
      check(db, conditions);
      return work();
    });

  // The ping of every two seconds runs it: to build a query takes longer than to run it.
  const anyChange = db.select({ revision: changes.revision }).from(changes).limit(1).prepare();

  function lastRevision({ db }: Pick<Writer, "db">): number {
    const last = { last: max(changes.revision) };
    return db.select(last).from(changes).get()?.last ?? 0;
  }

  function record({ db }: Pick<Writer, "db">, notes: readonly Note[]): void {
    const at = now();
    const rows = notes.map((note) => ({ ...note, at }));
    for (const row of rows) db.insert(changes).values(row).run();
  }

  function carryOut(writer: Writer, write: Write): void {
    try {
      if (write.op === "audit") writer.insertAudit([write.event]);
      else record(writer, apply(writer.db, write, now()));
    } catch (error) {
      // The reason of a failed write is looked for after the transaction.
      throw isFailedWrite(error) ? error : refusal(error, write.op);
    }
  }

  /** Does many writes in one transaction, in several turns of the event loop. */
  async function writingInTurns(writes: readonly Write[]): Promise<number> {
    try {
      if (isClosed) throw new StoreError("unavailable");
      const begin = (work: () => void) => locks.write(work);
      const last = await commitInTurns(database.filename, writes, begin, carryOut, lastRevision);
      checkpoints.wrote();
      return last;
    } catch (error) {
      throw failure(error);
    }
  }

  /** Returns the rows, credentials and sessions of some ids. */
  function contents(only: Ids): Omit<Contents, "revision"> {
    const among = (column: SQLiteColumn, ids: string[]) =>
      sql`${column} in (select value from json_each(${JSON.stringify(ids)}))`;
    const held = among(credentials.resourceId, only.credentials);
    return {
      rows: db
        .select()
        .from(resources)
        .where(and(among(resources.id, only.rows), ne(resources.kind, buried)))
        .all(),
      refs: db.select().from(refs).where(among(refs.fromId, only.rows)).all(),
      sessions: db.select().from(sessions).where(among(sessions.id, only.sessions)).all(),
      ...inMemory(db.select().from(credentials).where(held).all()),
    };
  }

  return {
    dialect: "sqlite",

    async commit(writes) {
      const checkTexts = (write: Write) => write.op === "audit" || assertStorable(write);
      if (writes.length > writesOfTurn) await eachInTurns(writes, checkTexts);
      else for (const write of writes) checkTexts(write);
      const revision = await (writes.length > writesOfTurn
        ? writingInTurns(writes)
        : writing(() => {
            for (const write of writes) carryOut(writer, write);
            return lastRevision(writer);
          }));
      // In the file, zeros replace a deleted value (secure_delete). The log still has it (T33).
      if (writes.some(({ op }) => op === "deleteSecretData")) checkpoints.empty();
      ring();
      return revision;
    },

    load: () =>
      guarded(() => {
        if (isClosed) throw new StoreError("unavailable");
        loading = load(database.filename);
        return loading;
      }),
    loadSome: (some) => reading(() => contents(idsOf(some))),

    changesSince: (revision, limit) =>
      guarded(() => {
        const { at: _, ...columns } = getTableColumns(changes);
        const query = db.select(columns).from(changes).where(gte(changes.revision, revision));
        const rows = query.orderBy(asc(changes.revision)).limit(limit + 1);
        return after(revision, rows.all(), limit);
      }),

    /** Never rings: no other server writes to the file. */
    onDoorbell: () => () => {},

    passwordHash: (userId) =>
      guarded(() => {
        const which = and(eq(credentials.resourceId, userId), eq(credentials.type, "password"));
        return db.select({ hash: credentials.hash }).from(credentials).where(which).get()?.hash ?? null;
      }),

    secretData: (ref) =>
      guarded(() => db.select().from(secretData).where(eq(secretData.ref, ref)).get()?.data ?? null),

    secretRefs: (backendId) =>
      guarded(() => {
        const held = eq(secretData.backendId, backendId);
        const found = db.select({ ref: secretData.ref }).from(secretData).where(held);
        return found.all().map(({ ref }) => ref);
      }),

    orphans: () => guarded(() => db.select().from(secretOrphans).orderBy(asc(secretOrphans.at)).all()),

    async appendAudit(events) {
      if (events.length === 0) return await writing(tryAudit);
      if (events.length <= eventsOfStatement) await writing(() => insertAudit(events), "none");
      else
        await writing(() => {
          for (let at = 0; at < events.length; at += eventsOfStatement)
            insertAudit(events.slice(at, at + eventsOfStatement));
        });
      rollup.add(events);
      ring();
    },

    usage: (filter) =>
      guarded(async () => {
        rollup.tryFlush();
        return await readUsage(db, filter);
      }),

    queryAudit: (filter) => guarded(async () => (await search(db, filter)).map(({ event }) => event)),

    countCalls: (since, until) =>
      guarded(() => {
        const { userId, tokenId, at } = auditEvents;
        const counted = { userId, tokenId, count: count(), last: sql<number>`max(${at})` };
        const query = db
          .select(counted)
          .from(auditEvents)
          .where(callsWhere(auditEvents, since, until));
        return query.groupBy(userId, tokenId).all();
      }),

    auditTail: (after, filter) => guarded(() => tail(db, after, filter)),

    onAudit(listener) {
      // A function of its own, so that the same listener can subscribe twice.
      const follower = () => listener();
      followers.add(follower);
      return () => followers.delete(follower);
    },

    ...trimQueries(client, guarded, writing),
    ...formerNameQueries(db, guarded, writing),

    migration: steps.at(-1)!.name,
    migrations: steps.map(({ name }) => name),
    ...copyQueries(database.filename, failure, {
      // The usage then has all events that the copy has.
      beforeCopy: () => rollup.tryFlush(),
      filling(isUnderWay) {
        isFilling = isUnderWay;
        if (isUnderWay) return;
        checkpoints.empty();
        ring();
      },
    }),

    logBytes: () => statSync(`${database.filename}-wal`, { throwIfNoEntry: false })?.size ?? 0,

    ...linkQueries(db, guarded, writing, writingIf),
    ...threadQueries(db, guarded, writing, writingIf),
    ...providerObjectQueries(db, guarded, writing),
    ...taskQueries(taskDatabase(db, guarded, writing, writingIf, checkpoints.wrote)),

    touchTokens: (used) =>
      writing(() => {
        const { resourceId, type, lastUsedAt } = credentials;
        db.run(sql`
          update ${credentials} set last_used_at = used.value
          from json_each(${JSON.stringify(Object.fromEntries(used))}) as used
          where ${resourceId} = used.key and ${type} = 'bearer' and coalesce(${lastUsedAt}, 0) < used.value`);
      }),

    prune: (time, keepChanges) =>
      writing(() => {
        const expired = lte(sessions.expiresAt, time);
        record(writer, ended(db.delete(sessions).where(expired).returning({ id: sessions.id }).all()));
        const last = lastRevision(writer) - Math.max(keepChanges, 1);
        db.delete(changes).where(lte(changes.revision, last)).run();
      }),

    async ping() {
      await guarded(() => void inTransaction(() => anyChange.get(), "none"));
      // A write for each ping would wear out the disk. One that failed before must succeed first.
      if (isStuck) {
        const fault = diskFault(dirname(path));
        if (fault) throw fault;
        await writing(() => void db.run(touchOne));
        isStuck = false;
      }
      if (isUnsynced) throw new StoreError("unavailable", { reason: unsynced });
    },
    close: async () => {
      isClosed = true;
      followers.clear();
      checkpoints.stop();
      rollup.tryFlush();
      rollup.stop();
      finalize();
      // The log is written back to the file when its last connection is closed.
      await loading?.catch(() => {});
      close();
    },
  };
}
