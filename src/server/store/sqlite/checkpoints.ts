import type { Database } from "bun:sqlite";

/** How often to look, in milliseconds, and after how many transactions the log is worth folding in. */
const interval = 250;
const enough = 250;

/**
 * Folds the write-ahead log into the database file when no transaction has come for a moment. A checkpoint waits
 * for the disk, some milliseconds or many, in the thread that serves inference: by SQLite's own rule it comes in
 * the middle of the busiest time. That rule stays as the backstop, further out (`wal_autocheckpoint`).
 *
 * @returns what to call after each transaction, and how to stop
 */
export function checkpointWhenIdle(database: Database): { wrote(): void; stop(): void } {
  let written = 0;
  let seen = 0;
  const timer = setInterval(() => {
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
    stop: () => clearInterval(timer),
  };
}
