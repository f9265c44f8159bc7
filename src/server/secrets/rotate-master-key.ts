import type { KeyRing, MasterKey } from "../../backends/master-keys.ts";
import { records, type SealedBackend } from "../../backends/sealed/driver.ts";
import { kidOf, rewrapped } from "../../backends/sealed/record.ts";
import { AppError } from "../../errors.ts";
import { rotateByHand } from "./key-file.ts";

/** What rotating the master key works on. */
export interface MasterKeyRotation {
  /** The master keys as of now. */
  ring(): KeyRing | undefined;
  /** The backends of type sealed as of now. */
  backends(): readonly SealedBackend[];
  /** Makes a ring with a new current key last. Throws AppError `conflict` when that is for people to do. */
  save(ring: KeyRing): void;
  /** From when it returns, this ring is what seals and opens. */
  use(ring: KeyRing): void;
  newKey(): MasterKey;
  /** Other servers may use the same database: they would not know a key that this one made. */
  shared: boolean;
}

export interface Rotated {
  /** Id of the master key that everything is sealed with now. */
  keyId: string;
  /** How many records got their data key wrapped anew. */
  rewrapped: number;
  /** No key was made: some records had not got the current one yet. */
  resumed: boolean;
}

/**
 * How the master key is rotated: a new one is made and saved, then every record's data key is wrapped with it. The
 * values themselves are not touched, and the old keys stay in the file, for backups made before.
 *
 * It may be interrupted anywhere: the key is saved before anything is sealed with it. While any record has another
 * key than the current one, a call makes no new key but finishes what was begun, by an interrupted call or by
 * somebody who put a key on top of the file.
 *
 * @returns what does it. It throws AppError `conflict` while another one is under way or when a key is to be made
 *   by hand, `secret_unavailable` when some records cannot be opened (all others then have the current key), and
 *   whatever the database refuses.
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

/** Whether any record is sealed with another key than the current one. */
async function anyBehind(backends: readonly SealedBackend[], { current }: KeyRing): Promise<boolean> {
  for (const backend of backends) {
    for await (const [, record] of records(backend)) if (kidOf(record) !== current.id) return true;
  }
  return false;
}

/** Goes through all of it, past records that do not open. What is deleted meanwhile stays deleted. */
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
      // SQLite answers before the event loop turns: calls would wait until all of them are rewrapped.
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
