import { and, asc, eq, getTableColumns, gt, max } from "drizzle-orm";
import type { PostgresJsDatabase } from "drizzle-orm/postgres-js";
import { storable } from "../storable.ts";
import { grownBy, threadUse } from "../thread-use.ts";
import { messagesInTurns, threadsInTurns } from "../threads-in-turns.ts";
import type { Store } from "../types.ts";
import type { PostgresRun, PostgresRunIf } from "./links.ts";
import { threadMessages, threads } from "./schema.ts";
import type { Transactions } from "./transactions.ts";

type ThreadQueries = Pick<
  Store,
  "threads" | "threadUse" | "thread" | "threadMessages" | "addThread" | "appendToThread" | "deleteThread"
>;

const { size: _, ...shown } = getTableColumns(threads);

/** The part of the store for threads. */
export function threadQueries(
  db: PostgresJsDatabase,
  transactions: Transactions,
  guarded: PostgresRun,
  writingIf: PostgresRunIf,
): ThreadQueries {
  return {
    threads: (ownerId, agentId) =>
      threadsInTurns((after, limit) =>
        guarded(async () => {
          const withAgent = agentId === undefined ? undefined : eq(threads.agentId, agentId);
          const found = and(eq(threads.ownerId, ownerId), withAgent, gt(threads.id, after));
          return await db.select(shown).from(threads).where(found).orderBy(asc(threads.id)).limit(limit);
        }),
      ),

    threadUse: (ownerId) =>
      guarded(async () => {
        const [use] = await db
          .select(threadUse(threads.size))
          .from(threads)
          .where(eq(threads.ownerId, ownerId));
        return use!;
      }),

    thread: (id) =>
      guarded(async () => {
        const [thread] = await db.select(shown).from(threads).where(eq(threads.id, id));
        return thread ?? null;
      }),

    threadMessages: (id) =>
      messagesInTurns((after, limit) =>
        guarded(async () => {
          const { threadId, seq, message } = threadMessages;
          const rows = db
            .select({ seq, message })
            .from(threadMessages)
            .where(and(eq(threadId, id), gt(seq, after)));
          return await rows.orderBy(asc(seq)).limit(limit);
        }),
      ),

    addThread: (thread, ...conditions) =>
      writingIf(conditions, async (queries) => {
        const values = { ...thread, title: storable(thread.title) };
        await queries.insert(threads).values(values);
      }),

    appendToThread: (threadId, messages, at) =>
      guarded(() => {
        const texts = messages.map((message) => JSON.stringify(message));
        return transactions.run(async (queries) => {
          // Another append to the thread waits for this row, and continues its count.
          const spoken = queries
            .update(threads)
            .set({ updatedAt: at, size: grownBy(threads.size, texts) })
            .where(eq(threads.id, threadId));
          if ((await spoken.returning({ id: threads.id })).length === 0) return false;
          const [last] = await queries
            .select({ seq: max(threadMessages.seq) })
            .from(threadMessages)
            .where(eq(threadMessages.threadId, threadId));
          const next = (last?.seq ?? 0) + 1;
          const values = texts.map((message, index) => ({ threadId, seq: next + index, message, at }));
          if (values.length > 0) await queries.insert(threadMessages).values(values);
          return true;
        });
      }),

    deleteThread: (id) => guarded(async () => void (await db.delete(threads).where(eq(threads.id, id)))),
  };
}
