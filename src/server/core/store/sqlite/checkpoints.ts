import type { Database } from "bun:sqlite";
import { open } from "node:fs/promises";
import { Worker } from "node:worker_threads";

/** Milliseconds between two looks at the number of writes. */
const interval = 250;
/** Transactions after which a checkpoint is worth its cost: in a pause of the writes, and while they go on. */
const enough = { inPause: 250, underWay: 2_000 };

export interface Checkpoints {
  /** To be called after each transaction, and with the number of rows where one changes many: the log grows with them. */
  wrote(rows?: number): void;
  /** Empties the log, so that deleted values are not in it. Tries again later while another program reads the log. */
  empty(): void;
  stop(): void;
}

/**
 * Writes the write-ahead log back to the database file: when there was no transaction for a moment, or when many have come
 * without one. A checkpoint runs in the thread that serves inference, and most of its time is that of the disk, which must
 * have the log before pages go to the file: 50 to 70 ms for some megabytes. So the log is given to the disk beforehand, by
 * another thread, and a checkpoint waits only for what came since. SQLite's own rule knows no other thread; it stays as a
 * backstop for a much longer log (`wal_autocheckpoint`).
 *
 * @param onFailure gets the error of a checkpoint, which loses nothing: the log stays as it is, and a later one tries
 *   again
 */
export function checkpointInTime(database: Database, onFailure: (error: unknown) => void): Checkpoints {
  let written = 0;
  let seen = 0;
  /** The log still has deleted values. */
  let mustEmpty = false;
  let isUnderWay = false;
  let isStopped = false;
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
  const checkpoint = async () => {
    isUnderWay = true;
    await syncLog(database);
    isUnderWay = false;
    if (!isStopped) attempt(() => void database.run("pragma wal_checkpoint(passive)"));
  };
  const timer = setInterval(() => {
    if (mustEmpty) empty();
    const isPause = written === seen;
    seen = written;
    if (isUnderWay || written < (isPause ? enough.inPause : enough.underWay)) return;
    written = 0;
    seen = 0;
    void checkpoint();
  }, interval);
  timer.unref();
  return {
    wrote(rows = 1) {
      written += rows;
    },
    empty,
    stop() {
      isStopped = true;
      clearInterval(timer);
    },
  };
}

/**
 * Gives the write-ahead log to the disk. Never throws: SQLite does the same once more for what is missing, and each of the
 * two learns of a fault of the disk (errseq_t of Linux). To close this descriptor frees no lock: they are on other files.
 */
async function syncLog({ filename }: Database): Promise<void> {
  try {
    await using log = await open(`${filename}-wal`);
    await log.datasync();
  } catch {
    // There is no log yet, or no descriptor is left.
  }
}

/** A connection knows no log before it has read. */
const writeBack = `
  const { Database } = require("bun:sqlite");
  const database = new Database(require("node:worker_threads").workerData, { readwrite: true, create: false });
  database.query("select 1 from sqlite_schema").get();
  database.query("pragma wal_checkpoint(passive)").get();
  database.close();`;

/**
 * Writes the write-ahead log back to the file, in another thread: that of a restore takes seconds. Never throws: what fails
 * is done by a later checkpoint.
 */
export function writeBackElsewhere(path: string): Promise<void> {
  return new Promise((resolve) => {
    try {
      const thread = new Worker(writeBack, { eval: true, workerData: path });
      thread.once("error", () => resolve());
      thread.once("exit", () => resolve());
    } catch {
      resolve();
    }
  });
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
