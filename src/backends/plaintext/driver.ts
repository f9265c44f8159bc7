import type { AppError } from "../../errors.ts";
import { databaseRead, type SecretTable } from "../secret-table.ts";
import type { Driver } from "../types.ts";

/**
 * Makes a driver that keeps values as JSON in the server's own database, protected by the file's permissions alone.
 *
 * @param name of the backend, for messages
 */
export function plaintextDriver(name: string, table: SecretTable): Driver {
  return {
    read: (ref) => databaseRead(name, table.get(ref)),
    write: (ref, data) => table.put(ref, data),
    delete: (ref) => table.delete(ref),
    list: () => databaseRead(name, table.list()),
    // A backend in the database is as well as the database.
    health: () =>
      databaseRead(name, table.list()).then(
        () => ({ status: "healthy" }),
        (error: AppError) => ({ status: "error", reason: error.message }),
      ),
  };
}
