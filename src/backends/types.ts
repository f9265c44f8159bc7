/** How a backend is doing. `warning`: it works, and will not for long. */
export interface Health {
  status: "healthy" | "warning" | "error";
  /** In one sentence, when it is not healthy. */
  reason?: string;
}

/**
 * Where the values of secrets live. One contract suite (`test/contract/backend.ts`) runs against every driver.
 *
 * Every method but `health` throws AppError when it cannot do or tell: `unavailable` (503) for what may pass by
 * itself, `secret_unavailable` (500) for what somebody has to mend. The message names the backend, never a value.
 */
export interface Driver {
  /** How long what was read may be kept, in milliseconds; for ever when left out, where nobody else writes. */
  readonly keepFor?: number;
  /** The values, or null when nothing is there. */
  read(ref: string): Promise<Record<string, string> | null>;
  /**
   * Stores values under a ref that nothing was ever stored under. The caller has the ref on record before, and
   * points its row at it afterwards, so that an interruption at any point loses nothing and leaves nothing behind.
   *
   * @param ref `<id of the secret>/<id of this write>`: never a name
   */
  write(ref: string, data: Readonly<Record<string, string>>): Promise<void>;
  /** Forgets what is there. Nothing when there is nothing. */
  delete(ref: string): Promise<void>;
  /** Refs of all there is. */
  list(): Promise<string[]>;
  /** Asks the backend. Never throws. */
  health(): Promise<Health>;
  /** Lets go of connections and timers. */
  close?(): void;
}
