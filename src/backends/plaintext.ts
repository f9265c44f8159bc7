import { AppError } from "../errors.ts";
import type { Driver } from "./types.ts";

/** The table of the server's own database that this driver keeps values in. */
export interface SecretTable {
  get(ref: string): Promise<Record<string, string> | null>;
  put(ref: string, data: Record<string, string>): Promise<void>;
  delete(ref: string): Promise<void>;
  list(): Promise<string[]>;
}

/**
 * Values as JSON in the server's own database: protected by the file's permissions and nothing else.
 *
 * @param newRef makes a ref that was never used, from the secret's id
 */
export function plaintextDriver(table: SecretTable, newRef: (id: string) => string): Driver {
  return {
    async read(ref) {
      try {
        return await table.get(ref);
      } catch (cause) {
        throw new AppError("secret_unavailable", "the database that holds the secret cannot be read", {
          cause,
        });
      }
    },
    async write(id, data) {
      const ref = newRef(id);
      await table.put(ref, data);
      return ref;
    },
    delete: (ref) => table.delete(ref),
    list: () => table.list(),
    health: () =>
      table.list().then(
        () => undefined,
        () => "the database cannot be read",
      ),
  };
}
