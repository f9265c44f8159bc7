import { and, asc, count, desc, eq, getTableColumns, gt, gte, lte, max, ne, sql } from "drizzle-orm";
import type { PgColumn } from "drizzle-orm/pg-core";
import { drizzle } from "drizzle-orm/postgres-js";
import { migrations } from "../../../../../drizzle/postgres/migrations.ts";
import { auditEvent, auditWhere, callsWhere } from "../audit.ts";
import { buried } from "../buried-rows.ts";
import { after, ended, type Note } from "../changes.ts";
import type { WriteCondition } from "../conditions.ts";
import { type Ids, idsOf, inMemory } from "../contents.ts";
import { failureNotes } from "../failure-notes.ts";
import { RestoreGate } from "../locked-by-restore.ts";
import type { Migration } from "../migration.ts";
import { assertStorable } from "../storable.ts";
import { taskQueries } from "../task-queries.ts";
import { type Contents, type Row, type Store, StoreError, type Write } from "../types.ts";
import { usageOf, usageWhere } from "../usage.ts";
import { clusterQueries } from "./cluster.ts";
import { copyQueries } from "./copy.ts";
import { doorbell } from "./doorbell.ts";
import { formerNameQueries } from "./former-names.ts";
import { linkQueries } from "./links.ts";
import { connect, writeLock } from "./open.ts";
import { providerObjectQueries } from "./provider-objects.ts";
import { mayWorkElsewhere, readOnly, refusal } from "./refusal.ts";
import {
  auditEvents,
  changes,
  credentials,
  refs,
  resources,
  secretData,
  secretOrphans,
  sessions,
  usage,
} from "./schema.ts";
import { shownUrl } from "./settings.ts";
import { auditBell, tail } from "./tail.ts";
import { threadQueries } from "./threads.ts";
import { transactions as openTransactions } from "./transactions.ts";
import { trimQueries } from "./trim.ts";
import { addUsage, apply, check, insertAudit, type Queries } from "./write.ts";

/** Connections for transactions. More would not help writes, which wait for each other: each holds the writers' lock. */
const transactionsAtATime = 8;

/** Rows that are read in one turn of the event loop. */
const rowsOfTurn = 2000;

/** Options of `openPostgres` that have defaults. */
export interface PostgresOptions {
  steps?: readonly Migration[];
  /** Milliseconds after which a query that is not answered fails, and its connection is closed. */
  timeout?: number;
  /** The environment, for the variables of libpq. */
  env?: Readonly<Record<string, string | undefined>>;
  /** Gets warnings about the connection, and the reasons of failures, for the log. */
  onWarning?: (text: string) => void;
  /** Gets a sentence about migrations, for the log. */
  onMigrated?: (text: string) => void;
}

/** Opens a store in a PostgreSQL database, which several servers may share. */
export async function openPostgres(
  url: string,
  now: () => number,
  { steps = migrations, timeout = 10_000, env = {}, onWarning = () => {}, onMigrated }: PostgresOptions = {},
): Promise<Store> {
  const database = await connect(url, env, steps, now, onMigrated);
  if (database.sockets.isExposed)
    onWarning(
      `the connection to ${shownUrl(url)} is not encrypted, and secrets travel over it: set sslmode=verify-full in the URL`,
    );
  const note = failureNotes(onWarning);
  const { client } = database;
  const db = drizzle({ client });
  const transactions = openTransactions(database.oneConnection, transactionsAtATime, timeout);
  const bell = doorbell(client);
  const auditListeners = auditBell();
  const gate = new RestoreGate();
  const { close: closeCopies, ...copies } = copyQueries(database.oneConnection, bell.ring, gate);

  const underWay = new Set<Promise<unknown>>();

  /** Runs work, and throws its errors as StoreError. */
  async function guarded<T>(work: () => Promise<T>): Promise<T> {
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(() => {
      database.sockets.destroySilent(timeout);
      late.reject(new StoreError("unavailable", { cause: new Error(`no answer within ${timeout} ms`) }));
    }, timeout);
    const working = Promise.race([work(), late.promise]);
    underWay.add(working);
    try {
      return await working;
    } catch (error) {
      const refused = refusal(error);
      if (refused instanceof StoreError && refused.refusal === "unavailable") {
        if (mayWorkElsewhere(refused)) await database.sockets.leaveServer();
        note(`PostgreSQL: ${refused.cause instanceof Error ? refused.cause.message : "it does not answer"}`);
      }
      throw refused;
    } finally {
      clearTimeout(timer);
      underWay.delete(working);
    }
  }

  /** Runs reads that all see the same state. */
  const reading = <T>(work: (db: Queries) => Promise<T>) => guarded(() => transactions.run(work, "snapshot"));

  /**
   * Runs a write. Only one server writes at a time: otherwise a reader could see revision 8 before 7, and never look for
   * 7 again. A server that hangs in a transaction holds up the others for ten seconds at most. A write that waits for a
   * restore of this server takes no connection, which reads need.
   */
  const writing = async <T>(work: (db: Queries) => Promise<T>) => {
    await gate.passed(timeout);
    return await guarded(() =>
      transactions.run(async (transaction) => {
        await transaction.execute(sql`select pg_advisory_xact_lock(${writeLock})`);
        return await work(transaction);
      }),
    );
  };

  /**
   * Runs a write, if conditions hold in its transaction. Such writes do not wait for each other, but for those that may
   * end what they need: each of them sees all that was committed before it, and the next one all of it.
   */
  const writingIf = async <T>(
    conditions: readonly WriteCondition[],
    work: (db: Queries) => Promise<T>,
  ): Promise<T> => {
    await gate.passed(timeout);
    return await guarded(() =>
      transactions.run(async (transaction) => {
        await transaction.execute(sql`select pg_advisory_xact_lock_shared(${writeLock})`);
        await check(transaction, conditions);
        return await work(transaction);
      }),
    );
  };

  async function lastRevision(queries: Queries): Promise<number> {
    const [row] = await queries.select({ last: max(changes.revision) }).from(changes);
    return row?.last ?? 0;
  }

  /** Stores changes under the next revisions, and rings, in the caller's transaction. Returns the last revision. */
  async function record(queries: Queries, notes: readonly Note[]): Promise<number> {
    const last = await lastRevision(queries);
    if (notes.length === 0) return last;
    const at = now();
    const rows = notes.map((note, index) => ({ revision: last + index + 1, ...note, at }));
    await queries.execute(sql`
      insert into ${changes} select * from json_populate_recordset(null::changes, ${JSON.stringify(rows)}::json)`);
    await queries.execute(bell.ring);
    return last + notes.length;
  }

  async function carryOut(queries: Queries, write: Write): Promise<Note[]> {
    try {
      return await apply(queries, write, now());
    } catch (error) {
      throw refusal(error, write.op);
    }
  }

  /** Returns everything, or the rows, credentials and sessions of some ids. */
  async function contents(queries: Queries, only?: Ids): Promise<Omit<Contents, "revision">> {
    const among = (column: PgColumn, ids: string[] | undefined) =>
      ids && sql`${column} in (select json_array_elements_text(${JSON.stringify(ids)}::json))`;
    const held = among(credentials.resourceId, only?.credentials);
    return {
      rows: only
        ? await queries
            .select()
            .from(resources)
            .where(and(among(resources.id, only.rows), ne(resources.kind, buried)))
        : await allRows(queries),
      refs: await queries.select().from(refs).where(among(refs.fromId, only?.rows)),
      sessions: await queries.select().from(sessions).where(among(sessions.id, only?.sessions)),
      ...inMemory(await queries.select().from(credentials).where(held)),
    };
  }

  return {
    dialect: "postgres",
    cluster: clusterQueries(db, guarded),

    async commit(writes) {
      for (const write of writes) if (write.op !== "audit") assertStorable(write);
      return await writing(async (queries) => {
        const notes: Note[] = [];
        for (const write of writes) notes.push(...(await carryOut(queries, write)));
        return await record(queries, notes);
      });
    },

    load: () =>
      reading(async (queries) => ({ revision: await lastRevision(queries), ...(await contents(queries)) })),
    loadSome: (some) => reading((queries) => contents(queries, idsOf(some))),

    changesSince: (revision, limit) =>
      guarded(async () => {
        const { at: _, ...columns } = getTableColumns(changes);
        const query = db.select(columns).from(changes).where(gte(changes.revision, revision));
        return after(revision, await query.orderBy(asc(changes.revision)).limit(limit + 1), limit);
      }),

    onDoorbell: bell.listen,

    passwordHash: (userId) =>
      guarded(async () => {
        const which = and(eq(credentials.resourceId, userId), eq(credentials.type, "password"));
        const [row] = await db.select({ hash: credentials.hash }).from(credentials).where(which);
        return row?.hash ?? null;
      }),

    secretData: (ref) =>
      guarded(async () => {
        const [row] = await db.select().from(secretData).where(eq(secretData.ref, ref));
        return row?.data ?? null;
      }),

    secretRefs: (backendId) =>
      guarded(async () => {
        const held = eq(secretData.backendId, backendId);
        return (await db.select({ ref: secretData.ref }).from(secretData).where(held)).map(({ ref }) => ref);
      }),

    orphans: () => guarded(async () => await db.select().from(secretOrphans).orderBy(asc(secretOrphans.at))),

    appendAudit: (events) =>
      guarded(() =>
        transactions.run(async (queries) => {
          await insertAudit(queries, events);
          await addUsage(queries, usageOf(events));
        }),
      ),

    usage: (filter) =>
      guarded(
        async () => await db.select().from(usage).where(usageWhere(usage, filter)).orderBy(asc(usage.day)),
      ),

    queryAudit: (filter) =>
      guarded(async () => {
        const { id } = auditEvents;
        const query = db.select().from(auditEvents).where(auditWhere(auditEvents, filter));
        return (await query.orderBy(desc(id)).limit(filter.limit)).map(auditEvent);
      }),

    countCalls: (since, until) =>
      guarded(async () => {
        const { userId, tokenId, at } = auditEvents;
        const counted = { userId, tokenId, count: count(), last: sql<number>`max(${at})`.mapWith(Number) };
        const query = db
          .select(counted)
          .from(auditEvents)
          .where(callsWhere(auditEvents, since, until));
        return await query.groupBy(userId, tokenId);
      }),

    auditTail: (after, filter) => guarded(() => tail(db, transactions, after, filter)),
    onAudit: auditListeners.listen,
    ...trimQueries(db, guarded),
    ...formerNameQueries(db, guarded),

    migration: steps.at(-1)!.name,
    migrations: steps.map(({ name }) => name),
    ...copies,
    logBytes: () => undefined,

    ...linkQueries(db, guarded, writingIf),
    ...threadQueries(db, transactions, guarded, writingIf),
    ...providerObjectQueries(db, guarded),
    ...taskQueries({
      read: (query) => guarded(async () => [...(await db.execute(query))]),
      write: (...queries) =>
        guarded(() =>
          transactions.run(async (transaction) => {
            let rows: Record<string, unknown>[] = [];
            for (const query of queries) rows = [...(await transaction.execute(query))];
            return rows;
          }),
        ),
      writeIf: (conditions, query) =>
        writingIf(conditions, async (transaction) => void (await transaction.execute(query))),
      skipLocked: sql`for update skip locked`,
      hasLease: (runner) => sql`${runner} in (select id from cluster_nodes)`,
    }),

    touchTokens: (used) =>
      guarded(async () => {
        const { resourceId, type, lastUsedAt } = credentials;
        await db.execute(sql`
          update ${credentials} set last_used_at = used.value::bigint
          from json_each_text(${JSON.stringify(Object.fromEntries(used))}::json) as used
          where ${resourceId} = used.key and ${type} = 'bearer'
            and coalesce(${lastUsedAt}, 0) < used.value::bigint`);
      }),

    prune: (time, keepChanges) =>
      writing(async (queries) => {
        const expired = lte(sessions.expiresAt, time);
        const gone = ended(await queries.delete(sessions).where(expired).returning({ id: sessions.id }));
        const last = await record(queries, gone);
        await queries.delete(changes).where(lte(changes.revision, last - Math.max(keepChanges, 1)));
      }),

    ping: () =>
      guarded(async () => {
        const [row] = await client<{ isReadOnly: boolean }[]>`
          select pg_is_in_recovery() or current_setting('transaction_read_only')::boolean as "isReadOnly"`;
        if (row?.isReadOnly) throw readOnly();
      }),

    async close() {
      bell.stop();
      auditListeners.stop();
      await Promise.allSettled(underWay);
      // The driver itself would wait for ever for queries whose connection was lost.
      await Promise.all([transactions.close(), closeCopies(), client.end({ timeout: 0 })]);
    },
  };
}

/** Reads all rows of the catalogue, some at a time: to make objects of tens of thousands takes long (T338). */
async function allRows(queries: Queries): Promise<Row[]> {
  const rows: Row[] = [];
  for (;;) {
    const behind = gt(resources.id, rows.at(-1)?.id ?? "");
    const page = await queries
      .select()
      .from(resources)
      .where(and(behind, ne(resources.kind, buried)))
      .orderBy(asc(resources.id))
      .limit(rowsOfTurn);
    for (const row of page) rows.push(row);
    if (page.length < rowsOfTurn) return rows;
  }
}
