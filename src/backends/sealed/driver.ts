import { randomBytes } from "node:crypto";
import { AppError, type ErrorCode } from "../../errors.ts";
import type { KeyRing } from "../master-keys.ts";
import { databaseRead, type SecretTable } from "../secret-table.ts";
import type { Driver } from "../types.ts";
import { kidOf, openRecord, type RandomBytes, sealRecord } from "./record.ts";

/** A sealed backend: its name, for messages, and its records. */
export interface SealedBackend {
  name: string;
  table: SecretTable;
}

/** Number of records that are read at once. */
const batch = 50;

/**
 * Makes a driver that keeps values in the server's own database, encrypted: each write has its own data key, which a
 * master key wraps. The ref is bound to both, so that a record opens under no other ref.
 *
 * @param name of the backend, for messages
 * @param ring returns the master keys as of now; undefined if the server has none
 * @param random the source of data keys and nonces
 */
export function sealedDriver(
  name: string,
  table: SecretTable,
  ring: () => KeyRing | undefined,
  random: RandomBytes = randomBytes,
): Driver {
  const keys = () => {
    const held = ring();
    if (!held) throw needsMasterKey(name);
    return held;
  };
  const read = async (ref: string) => {
    const record = await databaseRead(name, table.get(ref));
    // The ring is read after the record: a new master key is in the ring before any record is wrapped with it.
    return record && openRecord(name, keys(), ref, record);
  };
  return {
    read,
    async write(ref, data) {
      await table.put(ref, sealRecord(keys().current, ref, data, random));
    },
    delete: (ref) => table.delete(ref),
    list: () => databaseRead(name, table.list()),
    async health() {
      try {
        keys();
        const [first] = await databaseRead(name, table.list());
        if (first !== undefined) await read(first);
        return { status: "healthy" };
      } catch (error) {
        return { status: "error", reason: (error as Error).message };
      }
    },
  };
}

/** Returns the error of a sealed backend on a server without a master key. */
function needsMasterKey(name: string, code: ErrorCode = "secret_unavailable"): AppError {
  return new AppError(code, `secret backend "${name}" needs a master key, and this server has none`, {
    hint: "start the server with --master-key-file and the file that holds it",
  });
}

/**
 * Checks, when a server starts, that its keys open the sealed records. Changes nothing. One damaged record among others
 * that open does not keep a server from starting.
 *
 * @throws AppError `unavailable`, which names the backend, if there is no key for it or none that opens its records
 */
export async function checkSealed(
  ring: KeyRing | undefined,
  backends: readonly SealedBackend[],
): Promise<void> {
  for (const backend of backends) await checkOne(ring, backend);
}

async function checkOne(ring: KeyRing | undefined, { name, table }: SealedBackend): Promise<void> {
  const foreign = new Set<string>();
  let opened = false;
  let failure: AppError | undefined;
  for await (const [ref, record] of records({ name, table })) {
    const kid = kidOf(record);
    if (kid !== undefined && !ring?.find(kid)) foreign.add(kid);
    if (opened || !ring) continue;
    try {
      openRecord(name, ring, ref, record);
      opened = true;
    } catch (error) {
      failure = error as AppError;
    }
  }
  if (foreign.size > 0) {
    const needed = [...foreign];
    const given = ring?.keys.map(({ id }) => id) ?? [];
    const has =
      given.length === 0 ? "none" : `${given.length > 1 ? "others" : "another"}, ${given.join(", ")}`;
    throw new AppError(
      "unavailable",
      `secret backend "${name}" is sealed with master ${needed.length > 1 ? "keys" : "key"} ${needed.join(", ")}; ` +
        `this server was given ${has}`,
      { hint: "start it with --master-key-file and the file that holds that key; nothing was changed" },
    );
  }
  if (!ring) throw needsMasterKey(name, "unavailable");
  if (failure && !opened) {
    throw new AppError("unavailable", failure.message, {
      hint: "restore the database from a backup; nothing was changed",
      cause: failure,
    });
  }
}

/** Yields every record of a backend, except those that are deleted in the meantime. */
export async function* records({
  name,
  table,
}: SealedBackend): AsyncGenerator<[ref: string, record: Record<string, string>]> {
  const refs = await databaseRead(name, table.list());
  for (let at = 0; at < refs.length; at += batch) {
    const some = refs.slice(at, at + batch);
    const found = await databaseRead(name, Promise.all(some.map((ref) => table.get(ref))));
    for (const [i, record] of found.entries()) if (record) yield [some[i]!, record];
  }
}
