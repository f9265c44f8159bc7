import { StoreError } from "./types.ts";

/**
 * The error of a write that has waited too long for a restore of this server. Nothing is broken, and background work that
 * gets it has not failed.
 */
export class LockedByRestore extends StoreError {
  constructor(cause?: unknown) {
    super("unavailable", { cause, reason: "a backup is being restored" });
  }
}

/** Holds writes up while restores of this server are under way. */
export class RestoreGate {
  #restores = 0;
  #opened = Promise.withResolvers<void>();

  /** Begins a restore. */
  close(): void {
    if (this.#restores++ === 0) this.#opened = Promise.withResolvers();
  }

  /** Ends a restore. */
  open(): void {
    if (--this.#restores === 0) this.#opened.resolve();
  }

  /**
   * Resolves when no restore is under way.
   *
   * @param timeout milliseconds after which it throws StoreError `unavailable`
   */
  async passed(timeout: number): Promise<void> {
    if (this.#restores === 0) return;
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(() => late.reject(new LockedByRestore()), timeout);
    try {
      await Promise.race([this.#opened.promise, late.promise]);
    } finally {
      clearTimeout(timer);
    }
  }
}
