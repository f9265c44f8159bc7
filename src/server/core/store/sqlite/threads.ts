import { and, asc, desc, eq, max } from "drizzle-orm";
import type { BunSQLiteDatabase } from "drizzle-orm/bun-sqlite";
import { storable } from "../storable.ts";
import type { Store } from "../types.ts";
import type { SqliteRun, SqliteRunIf } from "./links.ts";
import { threadMessages, threads } from "./schema.ts";

type ThreadQueries = Pick<
  Store,
  "threads" | "thread" | "threadMessages" | "addThread" | "appendToThread" | "deleteThread"
>;

/** The part of the store for threads. */
export function threadQueries(
  db: BunSQLiteDatabase,
  guarded: SqliteRun,
  writing: SqliteRun,
  writingIf: SqliteRunIf,
): ThreadQueries {
  return {
    threads: (ownerId, agentId) =>
      guarded(() => {
        const withAgent = agentId === undefined ? undefined : eq(threads.agentId, agentId);
        const found = db
          .select()
          .from(threads)
          .where(and(eq(threads.ownerId, ownerId), withAgent));
        return found.orderBy(desc(threads.updatedAt), desc(threads.id)).all();
      }),

    thread: (id) => guarded(() => db.select().from(threads).where(eq(threads.id, id)).get() ?? null),

    threadMessages: (id) =>
      guarded(() => {
        const messages = db.select({ message: threadMessages.message }).from(threadMessages);
        const rows = messages.where(eq(threadMessages.threadId, id)).orderBy(asc(threadMessages.seq)).all();
        return rows.map(({ message }) => JSON.parse(message));
      }),

    addThread: (thread, ...conditions) =>
      writingIf(conditions, () => {
        const values = { ...thread, title: storable(thread.title) };
        db.insert(threads).values(values).run();
      }),

    appendToThread: (threadId, messages, at) =>
      writing(() => {
        const spoken = db.update(threads).set({ updatedAt: at }).where(eq(threads.id, threadId));
        if (spoken.returning({ id: threads.id }).all().length === 0) return false;
        const last = db
          .select({ seq: max(threadMessages.seq) })
          .from(threadMessages)
          .where(eq(threadMessages.threadId, threadId))
          .get();
        let seq = last?.seq ?? 0;
        for (const message of messages) {
          const values = { threadId, seq: ++seq, message: JSON.stringify(message), at };
          db.insert(threadMessages).values(values).run();
        }
        return true;
      }),

    deleteThread: (id) => writing(() => void db.delete(threads).where(eq(threads.id, id)).run()),
  };
}
