import type { Kind } from "../../kinds/define.ts";
import { proxyModel } from "../../kinds/proxy-model.ts";
import { builtInProxyModels } from "../../kinds/proxy-models.ts";
import { template } from "../../kinds/template.ts";
import { builtInTemplates } from "../../kinds/templates/index.ts";
import { validateFields } from "../../kinds/validate.ts";
import { adminName } from "./access/principals.ts";
import type { Catalogue } from "./catalogue/catalogue.ts";
import { newId, type Random } from "./ids.ts";
import { type Row, StoreError, type Write } from "./store/types.ts";

/** Makes the row of something that the server brings along. */
type MakeRow = (kind: string, prefix: string, name: string, spec: Record<string, unknown>) => Row;

/** Made once, for all servers of a process. */
const templates = builtInTemplates.map(({ name, ...fields }) => ({
  name,
  spec: validateFields(template, { ...fields }).fields,
}));
const proxyModels = builtInProxyModels.map(({ name, ...spec }) => ({ name, spec }));

/** The most attempts to write the rows, if other servers on the same database write them at the same time. */
const maxAttempts = 3;

/**
 * Creates the rows that every catalogue has, where they are missing: the user `admin`, the secret backend `default`, and
 * the templates and proxy models of this version.
 */
export async function seed(catalogue: Catalogue, now: () => number, random: Random): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const writes = missingRows(catalogue, now, random);
    if (writes.length === 0) return;
    try {
      await catalogue.commit(writes);
      return;
    } catch (error) {
      const isBehind = error instanceof StoreError && ["taken", "stale"].includes(error.refusal);
      if (!isBehind || attempt === maxAttempts) throw error;
      await catalogue.refresh();
    }
  }
}

/** Returns the writes after which a catalogue has the rows that every one has. */
function missingRows(catalogue: Catalogue, now: () => number, random: Random): Write[] {
  const builtIn: MakeRow = (kind, prefix, name, spec) => ({
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
  ].filter(({ kind, name }) => !catalogue.snapshot.named(kind, name));
  return [
    ...rows.map((row): Write => ({ op: "insert", row, refs: [] })),
    ...builtInWrites(catalogue, template, templates, builtIn, now()),
    ...builtInWrites(catalogue, proxyModel, proxyModels, builtIn, now()),
  ];
}

/**
 * Returns the writes after which the built-in rows of a kind are those of this version. A user's own of a name stays. One
 * that is no longer built in and is in use stays, too.
 */
function builtInWrites(
  { snapshot }: Catalogue,
  { kind, idPrefix }: Pick<Kind, "kind" | "idPrefix">,
  wanted: readonly { name: string; spec: Record<string, unknown> }[],
  make: MakeRow,
  now: number,
): Write[] {
  const writes: Write[] = [];
  for (const { name, spec } of wanted) {
    const row: Row | undefined = snapshot.named(kind, name);
    if (!row) writes.push({ op: "insert", row: make(kind, idPrefix, name, spec), refs: [] });
    else if (isBuiltIn(row) && !Bun.deepEquals(row.spec, spec))
      writes.push({
        op: "update",
        row: { ...row, spec, version: row.version + 1, updatedAt: now },
        refs: [],
      });
  }
  const names = new Set(wanted.map(({ name }) => name));
  for (const row of snapshot.table(kind).sorted)
    if (isBuiltIn(row) && !names.has(row.name) && !snapshot.pointersTo.has(row.id))
      writes.push({ op: "delete", id: row.id, version: row.version });
  return writes;
}

function isBuiltIn({ status }: { status: { builtIn?: boolean } }): boolean {
  return status.builtIn === true;
}
