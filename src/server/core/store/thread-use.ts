import { type Column, count, type SQL, sql } from "drizzle-orm";

/** Returns the columns that count threads and add up their sizes, in both dialects. An index has them all. */
export function threadUse(size: Column) {
  return { threads: count(), bytes: sql<number>`coalesce(sum(${size}), 0)`.mapWith(Number) };
}

/** Returns the size of a thread after some messages were added to it. */
export function grownBy(size: Column, messages: readonly string[]): SQL {
  const bytes = messages.reduce((sum, message) => sum + Buffer.byteLength(message), 0);
  return sql`${size} + ${bytes}`;
}

/** Returns the last of the next threads behind one. */
export const lastToMeasure =
  "select max(id) as last from (select id from threads where id > $1 order by id limit 100) next_threads";

const measured =
  "(select coalesce(sum(octet_length(message)), 0) from thread_messages where thread_id = threads.id)";

/** Sets the sizes of the threads behind one, up to another one, to what their messages have. Others are not written. */
export const measureThreads = `
  update threads set size = ${measured} where id > $1 and id <= $2 and size <> ${measured}`;
