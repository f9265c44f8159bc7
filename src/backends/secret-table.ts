import { AppError } from "../errors.ts";

/** The part of the server's own database that holds the secrets of one backend. */
export interface SecretTable {
  get(ref: string): Promise<Record<string, string> | null>;
  put(ref: string, data: Readonly<Record<string, string>>): Promise<void>;
  /** Replaces the data of a ref. Does nothing if there are none. */
  replace(ref: string, data: Readonly<Record<string, string>>): Promise<void>;
  delete(ref: string): Promise<void>;
  list(): Promise<string[]>;
}

/** Returns the result of a read of the database. Throws AppError `unavailable` that names the backend if it fails. */
export async function databaseRead<T>(name: string, reading: Promise<T>): Promise<T> {
  try {
    return await reading;
  } catch (cause) {
    throw new AppError("unavailable", `secret backend "${name}": the database does not answer`, { cause });
  }
}
