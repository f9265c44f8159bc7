import type { Store } from "./types.ts";

export interface StoreOptions {
  /** `postgres://user:password@host:5432/database`; `?host=/run/postgresql` for a Unix socket. */
  url?: string;
  /** The SQLite file, which is created if it is missing. Its folder must exist. */
  path?: string;
  /** Milliseconds since 1970, for times that the store sets by itself. */
  now: () => number;
  /** Gets warnings about the database, and the reasons why it fails, for the log. */
  onWarning?: (text: string) => void;
  /** Gets a sentence about migrations of a database that was there, for the log. */
  onMigrated?: (text: string) => void;
}

/**
 * Opens the database and applies migrations. Only the driver in use is loaded. Throws AppError if the database cannot
 * be opened, is damaged, is in use by another server (SQLite), or was written by a newer mcpctl.
 */
export async function openStore({ url, path, now, onWarning, onMigrated }: StoreOptions): Promise<Store> {
  if (url !== undefined) {
    const { openPostgres } = await import("./postgres/store.ts");
    const env = { ...process.env };
    // The driver would read this one by itself. It would give up on a database that has become read-only.
    delete process.env["PGTARGETSESSIONATTRS"];
    return await openPostgres(url, now, {
      env,
      ...(onWarning && { onWarning }),
      ...(onMigrated && { onMigrated }),
    });
  }
  if (path === undefined) throw new TypeError("openStore needs a url or a path");
  const { openSqlite } = await import("./sqlite/store.ts");
  return openSqlite(path, now, {
    ...(onWarning && { onWarning }),
    ...(onMigrated && { onMigrated }),
  });
}

/**
 * Looks at a database as `openStore` would find it, and changes nothing. Returns a text about it.
 *
 * @throws AppError with the reason why a server could not use it; `conflict` if another server uses it
 */
export async function inspectStore({ url, path }: Pick<StoreOptions, "url" | "path">): Promise<string> {
  if (url !== undefined) {
    const { inspectPostgres } = await import("./postgres/inspect.ts");
    return await inspectPostgres(url, process.env);
  }
  if (path === undefined) throw new TypeError("inspectStore needs a url or a path");
  const { inspectSqlite } = await import("./sqlite/inspect.ts");
  return inspectSqlite(path);
}
