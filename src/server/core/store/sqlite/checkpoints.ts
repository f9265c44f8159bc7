import type { Database } from "bun:sqlite";

/** How often to look, in milliseconds, and after how many transactions the log is worth folding in. */
const interval = 250;
const enough = 250;

export interface Checkpoints {
  /** After each transaction. */
  wrote(): void;
  /** After one that deleted what must not be found any more: cuts the log to nothing, as soon as nobody reads it. */
  empty(): void;
  stop(): void;
}

/**
 * Folds the write-ahead log into the database file when no transaction has come for a moment. A checkpoint waits
 * for the disk, some milliseconds or many, in the thread that serves inference: by SQLite's own rule it comes in
 * the middle of the busiest time. That rule stays as the backstop, further out (`wal_autocheckpoint`).
 */
export function checkpointWhenIdle(database: Database): Checkpoints {
  let written = 0;
  let seen = 0;
  /** What was deleted still stands in the log. */
  let owed = false;
  const timer = setInterval(() => {
    if (owed) owed = !emptyLog(database);
    const idle = written === seen;
    seen = written;
    if (!idle || written < enough) return;
    written = 0;
    seen = 0;
    database.run("pragma wal_checkpoint(passive)");
  }, interval);
  timer.unref();
  return {
    wrote() {
      written++;
    },
    empty() {
      owed = !emptyLog(database);
    },
    stop: () => clearInterval(timer),
  };
}

/**
 * Folds the write-ahead log into the file and cuts it to nothing, so that what was deleted is in neither (T33).
 * Returns whether it could: another program that reads keeps its part of the log, and is not waited for.
 */
export function emptyLog(database: Database): boolean {
  const [patience] = database.query<[number], []>("pragma busy_timeout").values() as [[number]];
  database.run("pragma busy_timeout = 0");
  try {
    const [busy] = database.query("pragma wal_checkpoint(truncate)").values()[0] as [number];
    return busy === 0;
  } finally {
    database.run(`pragma busy_timeout = ${patience[0]}`);
  }
}
