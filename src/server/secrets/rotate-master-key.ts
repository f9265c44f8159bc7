import type { KeyRing, MasterKey } from "../../backends/master-keys.ts";
import { records, type SealedBackend } from "../../backends/sealed/driver.ts";
import { kidOf, rewrapped } from "../../backends/sealed/record.ts";
import { AppError } from "../../errors.ts";
import { rotateByHand } from "./key-file.ts";

/** Dependencies of a rotation of the master key. */
export interface MasterKeyRotation {
  /** Returns the master keys as of now. */
  ring(): KeyRing | undefined;
  /** Returns the sealed backends as of now. */
  backends(): readonly SealedBackend[];
  /** Saves a ring with a new current key. Throws AppError `conflict` if that has to be done by hand. */
  save(ring: KeyRing): void;
  /** Makes a ring the one that seals and opens, from the moment it returns. */
  use(ring: KeyRing): void;
  /** Makes a random master key. */
  newKey(): MasterKey;
  /** True if other servers may use the same database: they would not know a key that this one made. */
  shared: boolean;
}

export interface Rotated {
  /** Id of the master key with which everything is sealed now. */
  keyId: string;
  /** Number of records whose data key was wrapped again. */
  rewrapped: number;
  /** True if no key was made, because some records were not wrapped with the current one yet. */
  resumed: boolean;
}

/**
 * Returns a function that rotates the master key: it makes and saves a new key, then wraps every record's data key with
 * it. The values themselves stay as they are, and the old keys stay in the file, for backups made before.
 *
 * It may be interrupted anywhere: the key is saved before anything is sealed with it. While a record has another key
 * than the current one, a call makes no new key but finishes the rotation that was begun, by an interrupted call or by
 * somebody who added a key to the file.
 *
 * The function throws AppError `conflict` during another rotation or if a key has to be made by hand,
 * `secret_unavailable` if some records cannot be opened (all others then have the current key), and errors of the
 * database.
 */
export function masterKeyRotation(rotation: MasterKeyRotation): () => Promise<Rotated> {
  let underWay = false;
  return async () => {
    if (underWay) throw new AppError("conflict", "the master key is being rotated already");
    underWay = true;
    try {
      return await rotate(rotation);
    } finally {
      underWay = false;
    }
  };
}

async function rotate({ ring, backends, save, use, newKey, shared }: MasterKeyRotation): Promise<Rotated> {
  let keys = ring();
  if (!keys) throw new AppError("conflict", "this server has no master key");
  const resumed = await anyBehind(backends(), keys);
  if (!resumed) {
    if (shared)
      throw rotateByHand("other servers may use the same database, and would not know a key made here");
    keys = keys.withNew(newKey());
    save(keys);
    use(keys);
  }
  return { keyId: keys.current.id, rewrapped: await rewrapAll(backends(), keys), resumed };
}

/** True if a record is sealed with another key than the current one. */
async function anyBehind(backends: readonly SealedBackend[], { current }: KeyRing): Promise<boolean> {
  for (const backend of backends) {
    for await (const [, record] of records(backend)) if (kidOf(record) !== current.id) return true;
  }
  return false;
}

/** Rewraps every record, and goes on after one that does not open. A record that is deleted in the meantime stays deleted. */
async function rewrapAll(backends: readonly SealedBackend[], ring: KeyRing): Promise<number> {
  let done = 0;
  const failures: string[] = [];
  for (const { name, table } of backends) {
    for await (const [ref, record] of records({ name, table })) {
      if (kidOf(record) === ring.current.id) continue;
      const next = attempt(() => rewrapped(name, ring, ref, record));
      if (next instanceof AppError) {
        failures.push(`${ref}: ${next.message}`);
        continue;
      }
      await table.replace(ref, next);
      done++;
      // SQLite returns before the event loop turns: without this, calls would wait until all records are rewrapped.
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
  if (failures.length === 0) return done;
  const all = failures.length === 1 ? "1 secret" : `${failures.length} secrets`;
  throw new AppError("secret_unavailable", `${all} could not be rewrapped, first ${failures[0]}`, {
    hint: `${done} were; restore or delete the others and run this again. The old master keys are still in the file`,
  });
}

function attempt<T>(work: () => T): T | AppError {
  try {
    return work();
  } catch (error) {
    if (error instanceof AppError) return error;
    throw error;
  }
}
