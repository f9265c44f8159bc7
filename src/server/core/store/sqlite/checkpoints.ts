import type { Database } from "bun:sqlite";

/** Milliseconds between two checks for a pause in the writes. */
const interval = 250;
/** Transactions after which a checkpoint is worth its cost. */
const enough = 250;

export interface Checkpoints {
  /** To be called after each transaction. */
  wrote(): void;
  /** Empties the log, so that deleted values are not in it. Tries again later while another program reads the log. */
  empty(): void;
  stop(): void;
}

/**
 * Writes the write-ahead log back to the database file when there was no transaction for a moment. A checkpoint waits
 * for the disk in the thread that serves inference. SQLite's own rule would run it at the busiest time; that rule stays
 * as a backstop for a much longer log (`wal_autocheckpoint`).
 *
 * @param onFailure gets the error of a checkpoint, which loses nothing: the log stays as it is, and a later one tries
 *   again
 */
export function checkpointWhenIdle(database: Database, onFailure: (error: unknown) => void): Checkpoints {
  let written = 0;
  let seen = 0;
  /** The log still has deleted values. */
  let mustEmpty = false;
  const attempt = (work: () => void) => {
    try {
      work();
    } catch (error) {
      onFailure(error);
    }
  };
  const empty = () => {
    mustEmpty = true;
    attempt(() => {
      mustEmpty = !emptyLog(database);
    });
  };
  const timer = setInterval(() => {
    if (mustEmpty) empty();
    const idle = written === seen;
    seen = written;
    if (!idle || written < enough) return;
    written = 0;
    seen = 0;
    attempt(() => void database.run("pragma wal_checkpoint(passive)"));
  }, interval);
  timer.unref();
  return {
    wrote() {
      written++;
    },
    empty,
    stop: () => clearInterval(timer),
  };
}

/**
 * Writes the write-ahead log back to the file and empties it, so that neither has deleted values (T33). Returns false if
 * another program is reading the log: then it cannot be emptied now. Waits for nobody, because the database has no busy
 * timeout.
 */
export function emptyLog(database: Database): boolean {
  const [busy] = database.query("pragma wal_checkpoint(truncate)").values()[0] as [number];
  return busy === 0;
}
