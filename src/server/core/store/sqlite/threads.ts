import { and, asc, eq, getTableColumns, gt, max } from "drizzle-orm";
import type { BunSQLiteDatabase } from "drizzle-orm/bun-sqlite";
import { storable } from "../storable.ts";
import { grownBy, threadUse } from "../thread-use.ts";
import { messagesInTurns, threadsInTurns } from "../threads-in-turns.ts";
import type { Store } from "../types.ts";
import type { SqliteRun, SqliteRunIf } from "./links.ts";
import { threadMessages, threads } from "./schema.ts";

type ThreadQueries = Pick<
  Store,
  "threads" | "threadUse" | "thread" | "threadMessages" | "addThread" | "appendToThread" | "deleteThread"
>;

const { size: _, ...shown } = getTableColumns(threads);

/** The part of the store for threads. */
export function threadQueries(
  db: BunSQLiteDatabase,
  guarded: SqliteRun,
  writing: SqliteRun,
  writingIf: SqliteRunIf,
): ThreadQueries {
  return {
    threads: (ownerId, agentId) =>
      threadsInTurns((after, limit) =>
        guarded(() => {
          const withAgent = agentId === undefined ? undefined : eq(threads.agentId, agentId);
          const found = and(eq(threads.ownerId, ownerId), withAgent, gt(threads.id, after));
          return db.select(shown).from(threads).where(found).orderBy(asc(threads.id)).limit(limit).all();
        }),
      ),

    threadUse: (ownerId) =>
      guarded(
        () => db.select(threadUse(threads.size)).from(threads).where(eq(threads.ownerId, ownerId)).get()!,
      ),

    thread: (id) => guarded(() => db.select(shown).from(threads).where(eq(threads.id, id)).get() ?? null),

    threadMessages: (id) =>
      messagesInTurns((after, limit) =>
        guarded(() => {
          const { threadId, seq, message } = threadMessages;
          const rows = db
            .select({ seq, message })
            .from(threadMessages)
            .where(and(eq(threadId, id), gt(seq, after)));
          return rows.orderBy(asc(seq)).limit(limit).all();
        }),
      ),

    addThread: (thread, ...conditions) =>
      writingIf(conditions, () => {
        const values = { ...thread, title: storable(thread.title) };
        db.insert(threads).values(values).run();
      }),

    appendToThread: (threadId, messages, at) =>
      writing(() => {
        const texts = messages.map((message) => JSON.stringify(message));
        const spoken = db
          .update(threads)
          .set({ updatedAt: at, size: grownBy(threads.size, texts) })
          .where(eq(threads.id, threadId));
        if (spoken.returning({ id: threads.id }).all().length === 0) return false;
        const last = db
          .select({ seq: max(threadMessages.seq) })
          .from(threadMessages)
          .where(eq(threadMessages.threadId, threadId))
          .get();
        let seq = last?.seq ?? 0;
        for (const message of texts) {
          const values = { threadId, seq: ++seq, message, at };
          db.insert(threadMessages).values(values).run();
        }
        return true;
      }),

    deleteThread: (id) => writing(() => void db.delete(threads).where(eq(threads.id, id)).run()),
  };
}
