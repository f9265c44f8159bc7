import type { Store } from "./types.ts";

export interface StoreOptions {
  /** `postgres://user:password@host:5432/database`; `?host=/run/postgresql` for a Unix socket. */
  url?: string;
  /** The SQLite file, made when it is not there. Its folder has to exist. */
  path?: string;
  /** Milliseconds since 1970, for the times that the store itself writes. */
  now: () => number;
}

/**
 * Opens the database and brings it up to date. Only the dialect in use is loaded. Throws AppError when the
 * database cannot be opened, is damaged, is in use by another server (SQLite), or was written by a newer mcpctl.
 */
export async function openStore({ url, path, now }: StoreOptions): Promise<Store> {
  if (url !== undefined) {
    const { openPostgres } = await import("./postgres/store.ts");
    return await openPostgres(url, now);
  }
  if (path === undefined) throw new TypeError("openStore needs a url or a path");
  const { openSqlite } = await import("./sqlite/store.ts");
  return openSqlite(path, now);
}
