import { AppError } from "../errors.ts";

/** The part of the server's own database that the secrets of one backend are in. */
export interface SecretTable {
  get(ref: string): Promise<Record<string, string> | null>;
  put(ref: string, data: Readonly<Record<string, string>>): Promise<void>;
  /** Changes what is there, and nothing when nothing is. */
  replace(ref: string, data: Readonly<Record<string, string>>): Promise<void>;
  delete(ref: string): Promise<void>;
  list(): Promise<string[]>;
}

/** A read of the database, or why a secret cannot be had. */
export async function databaseRead<T>(name: string, reading: Promise<T>): Promise<T> {
  try {
    return await reading;
  } catch (cause) {
    throw new AppError("unavailable", `secret backend "${name}": the database does not answer`, { cause });
  }
}
