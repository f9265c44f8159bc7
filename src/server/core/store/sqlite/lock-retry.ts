import { StoreError } from "../types.ts";
import { codeOf } from "./refusal.ts";

/** Milliseconds for which a lock of another program is waited for. */
const longestWait = 5000;
/** Milliseconds between two attempts: the first pause, and the longest one. */
const pauses = { first: 5, longest: 50 };
/** Milliseconds of work after which other work of the event loop gets a turn. */
const longestTurn = 20;

/** Returns the error for a lock that another program holds for too long. */
export function lockedOut(cause: unknown): StoreError {
  return new StoreError("unavailable", { cause, reason: "the database is locked by another program" });
}

/** Runs work that fails while another program holds the lock of the file, and tries it again without blocking. */
export interface LockRetry {
  read<T>(work: () => T | Promise<T>): Promise<T>;
  /** Writes happen in the order in which they are given. */
  write<T>(work: () => T): Promise<T>;
}

/**
 * SQLite would wait for a lock in the only thread of the server, and all calls with it. Here the waiting is
 * asynchronous, so that reads and streams go on. Work that does not find a lock runs at once.
 *
 * @param wait milliseconds after which the work fails with StoreError `unavailable`
 * @param failed makes that error
 */
export function lockRetry(wait = longestWait, failed: (cause: unknown) => StoreError = lockedOut): LockRetry {
  /** Writes that wait for the lock, or for those before them. */
  let waiting = 0;
  let last: Promise<unknown> = Promise.resolve();
  let turnBegan = 0;

  async function repeat<T>(work: () => T | Promise<T>, deadline: number): Promise<T> {
    for (let pause = pauses.first; ; pause = Math.min(pause * 2, pauses.longest)) {
      try {
        return await work();
      } catch (cause) {
        if (!isLocked(cause)) throw cause;
        if (performance.now() + pause > deadline) throw failed(cause);
      }
      await Bun.sleep(pause);
    }
  }

  /** Runs a write whose turn has come. When a lock ends, many of them may follow each other. */
  async function inTurn<T>(work: () => T, deadline: number): Promise<T> {
    if (performance.now() - turnBegan > longestTurn) {
      await new Promise((resolve) => setImmediate(resolve));
      turnBegan = performance.now();
    }
    return await repeat(work, deadline);
  }

  return {
    async read(work) {
      try {
        return await work();
      } catch (error) {
        if (!isLocked(error)) throw error;
        return await repeat(work, performance.now() + wait);
      }
    },

    async write(work) {
      if (waiting === 0) {
        try {
          return work();
        } catch (error) {
          if (!isLocked(error)) throw error;
        }
      }
      waiting++;
      const deadline = performance.now() + wait;
      const turn = last.then(() => inTurn(work, deadline));
      last = turn.catch(() => {});
      return await turn.finally(() => waiting--);
    },
  };
}

function isLocked(error: unknown): boolean {
  return /^SQLITE_(BUSY|LOCKED)/.test(codeOf(error) ?? "");
}
