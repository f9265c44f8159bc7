/** Where the values of secrets live. One contract suite (`test/contract/backend.ts`) runs against every driver. */
export interface Driver {
  /** The values, or null when nothing is there. Throws AppError `secret_unavailable` when it cannot tell. */
  read(ref: string): Promise<Record<string, string> | null>;
  /**
   * Stores values under a new ref, beside what the secret had: the caller flips its row to the new ref and then
   * deletes the old one, so that an interruption at any point loses nothing.
   *
   * @param id the secret's immutable id, never its name
   */
  write(id: string, data: Record<string, string>): Promise<string>;
  /** Forgets what is there. Nothing when there is nothing. */
  delete(ref: string): Promise<void>;
  /** Refs of all there is. */
  list(): Promise<string[]>;
  /** What is wrong with it in one sentence, or undefined when nothing is. */
  health(): Promise<string | undefined>;
}
