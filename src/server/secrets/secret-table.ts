import type { SecretTable } from "../../backends/secret-table.ts";
import type { Store } from "../core/store/types.ts";

/** Returns the part of the database that belongs to one backend. */
export function tableOf(store: Store, backendId: string, now: () => number): SecretTable {
  const commit = async (write: Parameters<Store["commit"]>[0][number]) => void (await store.commit([write]));
  return {
    get: (ref) => store.secretData(ref),
    put: (ref, data) => commit({ op: "putSecretData", ref, backendId, data, at: now() }),
    replace: (ref, data) => commit({ op: "replaceSecretData", ref, data }),
    delete: (ref) => commit({ op: "deleteSecretData", ref }),
    list: () => store.secretRefs(backendId),
  };
}
