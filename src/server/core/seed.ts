import { adminName } from "./access/principals.ts";
import type { Catalogue } from "./catalogue/catalogue.ts";
import { newId, type Random } from "./ids.ts";
import { type Row, StoreError } from "./store/types.ts";

/** Creates the rows that every catalogue has, where they are missing: the user `admin` and the secret backend `default`. */
export async function seed(catalogue: Catalogue, now: () => number, random: Random): Promise<void> {
  const builtIn = (kind: string, prefix: string, name: string, spec: Record<string, unknown>): Row => ({
    id: newId(prefix, now(), random),
    kind,
    scope: "",
    name,
    owner: null,
    visibility: null,
    spec,
    status: { builtIn: true },
    version: 1,
    createdAt: now(),
    updatedAt: now(),
  });
  const rows = [
    builtIn("user", "usr", adminName, {}),
    builtIn("secretbackend", "sbe", "default", {
      type: "plaintext",
      isDefault: true,
      config: {},
      description: "In the server's own database",
    }),
  ];
  for (const row of rows) {
    if (catalogue.snapshot.named(row.kind, row.name)) continue;
    try {
      await catalogue.commit([{ op: "insert", row, refs: [] }]);
    } catch (error) {
      // Another server on the same database has created it first.
      if (!(error instanceof StoreError) || error.refusal !== "taken") throw error;
      await catalogue.refresh();
    }
  }
}
