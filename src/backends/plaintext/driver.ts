import { AppError } from "../../errors.ts";
import type { SecretTable } from "../secret-table.ts";
import type { Driver } from "../types.ts";

/**
 * Values as JSON in the server's own database: protected by the file's permissions and nothing else.
 *
 * @param name of the backend, for messages
 */
export function plaintextDriver(name: string, table: SecretTable): Driver {
  return {
    read: (ref) => answered(name, table.get(ref)),
    write: (ref, data) => table.put(ref, data),
    delete: (ref) => table.delete(ref),
    list: () => answered(name, table.list()),
    health: () => tableHealth(name, table),
  };
}

/** A read of the database, or why a secret cannot be had. */
export async function answered<T>(name: string, reading: Promise<T>): Promise<T> {
  try {
    return await reading;
  } catch (cause) {
    throw new AppError("unavailable", `secret backend "${name}": the database does not answer`, { cause });
  }
}

/** A backend in the database is as well as the database. */
export function tableHealth(name: string, table: SecretTable): ReturnType<Driver["health"]> {
  return answered(name, table.list()).then(
    () => ({ status: "healthy" }),
    (error: AppError) => ({ status: "error", reason: error.message }),
  );
}
