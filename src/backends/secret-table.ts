/** The part of the server's own database that the secrets of one backend are in. */
export interface SecretTable {
  get(ref: string): Promise<Record<string, string> | null>;
  put(ref: string, data: Readonly<Record<string, string>>): Promise<void>;
  /** Changes what is there, and nothing when nothing is. */
  replace(ref: string, data: Readonly<Record<string, string>>): Promise<void>;
  delete(ref: string): Promise<void>;
  list(): Promise<string[]>;
}
