import { randomBytes } from "node:crypto";
import { type KeyRing, masterKey } from "../../backends/master-keys.ts";
import { checkSealed, type SealedBackend } from "../../backends/sealed/driver.ts";
import { findBackendType } from "../../kinds/secret-backends/config.ts";
import type { Catalogue } from "../core/catalogue/catalogue.ts";
import { type KeyFile, readKeyRing, rotateByHand, saveKeyRing } from "./key-file.ts";
import { masterKeyRotation, type Rotated } from "./rotate-master-key.ts";
import { tableOf } from "./secret-table.ts";

/** The master keys that this server seals secrets with. */
export interface MasterKeys {
  /** The ring as of now; undefined without a key file. */
  readonly ring: KeyRing | undefined;
  /** Makes a new key and wraps every data key with it, or finishes an interrupted rotation. */
  rotate(): Promise<Rotated>;
}

/**
 * Reads the master keys, and checks that they open the sealed records.
 *
 * @throws AppError `unavailable` if they do not, or if sealed backends exist without a key. Nothing is changed.
 */
export async function openMasterKey(
  catalogue: Catalogue,
  file: KeyFile | undefined,
  now: () => number,
): Promise<MasterKeys> {
  const { store } = catalogue;
  const backends = (): SealedBackend[] =>
    catalogue.snapshot
      .table("secretbackend")
      .sorted.filter(({ spec }) => findBackendType(spec.type)?.usesMasterKey === true)
      .map(({ id, name }) => ({ name, table: tableOf(store, id, now) }));
  let ring = file && readKeyRing(file);
  await checkSealed(ring, backends());
  const rotate = masterKeyRotation({
    ring: () => ring,
    backends,
    save(next) {
      if (!file) throw rotateByHand("this server has no master key file");
      saveKeyRing(file, next, now());
    },
    use(next) {
      ring = next;
    },
    newKey: () => masterKey(randomBytes(32)),
    shared: store.dialect === "postgres",
  });
  return {
    get ring() {
      return ring;
    },
    rotate,
  };
}
