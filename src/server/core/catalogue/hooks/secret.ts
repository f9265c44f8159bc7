import { headerFault } from "../../../../wire/header-value.ts";
import { isObject } from "../../../../wire/json.ts";
import type { SecretRow } from "../../store/typed-rows.ts";
import type { Row } from "../../store/types.ts";
import type { Draft, Hooks, Services } from "../hooks.ts";

export const secretHooks: Hooks<SecretRow> = {
  /** Takes keys with null, which remove them, out of the data that are validated. `prepare` sees them again. */
  normalise(given, before) {
    const { data } = given;
    if (!before || !isObject(data)) return given;
    const kept = Object.fromEntries(Object.entries(data).filter(([, value]) => value !== null));
    return { ...given, ...(Object.keys(kept).length > 0 ? { data: kept } : { data: undefined }) };
  },

  /** Writes the values beside the old ones. The commit points the row at them. */
  async prepare(draft, services) {
    const { before, row, snapshot, faults } = draft;
    const given = draft.given["data"] as Record<string, string | null> | null | undefined;
    const fallback = snapshot.table("secretbackend").sorted.find((backend) => backend.spec.isDefault);
    if (fallback) row.spec.backend ??= fallback.name;
    const backend = snapshot.named("secretbackend", row.spec.backend ?? "");
    if (!given) {
      if (!before || given === null) faults.push({ path: "/data", message: "is required" });
      return;
    }
    for (const [key, value] of Object.entries(given)) {
      // Keys are sent in headers, which a line break would split (T14).
      const fault = value === null ? undefined : headerFault(value);
      if (fault !== undefined) faults.push({ path: `/data/${key}`, message: fault });
    }
    const old = before ? await services.secrets.fresh(before) : {};
    const data = Object.fromEntries(
      Object.entries({ ...old, ...given }).filter((entry): entry is [string, string] => entry[1] !== null),
    );
    if (Object.keys(data).length === 0) faults.push({ path: "/data", message: "must not be empty" });
    if (faults.length > 0 || !backend || Bun.deepEquals(old, data)) return;
    const { secretWrites } = services;
    const externalRef = await secretWrites.put(backend, row.id, data);
    draft.writeFirst.push(secretWrites.adopt(externalRef));
    draft.onRefused.push(() => secretWrites.discard(backend, externalRef));
    if (before) letGo(draft, services, backend, before);
    row.status = { ...row.status, externalRef, keys: Object.keys(data).sort() };
  },

  remove(draft, services) {
    const backend = draft.snapshot.named("secretbackend", draft.row.spec.backend ?? "");
    if (!backend) return;
    letGo(draft, services, backend, draft.row);
  },

  status: ({ status: { keys, externalRef } }) => ({ keys, externalRef }),
};

/** Gives up the values that a row has had until now, with the commit. */
function letGo(draft: Draft<SecretRow>, { secretWrites }: Services, backend: Row, row: SecretRow): void {
  const ref = row.status.externalRef;
  draft.writeFirst.push(secretWrites.letGo(backend, ref));
  draft.afterCommit.push(() => secretWrites.discard(backend, ref));
}
