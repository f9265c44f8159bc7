import { AppError } from "../../errors.ts";
import { kindOf } from "../../kinds/index.ts";
import { canHoldCredentials, credentialOf, findBackendType } from "../../kinds/secret-backends/config.ts";
import { tokenIdOf } from "../core/access/policy.ts";
import type { Catalogue } from "../core/catalogue/catalogue.ts";
import { resolveReferences } from "../core/catalogue/draft.ts";
import type { Caller } from "../core/catalogue/resources.ts";
import { type AuditEvent, type Row, StoreError } from "../core/store/types.ts";
import type { Backends } from "./backends.ts";
import type { SecretValues } from "./secret-values.ts";
import type { SecretWrites, Undeleted } from "./secret-writes.ts";

/** What is to go where. */
export interface Migration {
  /** Names of secret backends. */
  from: string;
  to: string;
  /** Only these; all that are on `from` when left out. */
  names?: readonly string[];
  keepSource?: boolean;
  dryRun?: boolean;
}

/** What became of one secret. */
export interface Migrated {
  name: string;
  result: "migrated" | "skipped" | "planned" | "failed";
  /** Why it was skipped, or failed. */
  reason?: string;
  /** Why the copy at the source is still there. */
  left?: string;
}

export interface MigrateOptions {
  catalogue: Catalogue;
  backends: Backends;
  secrets: SecretValues;
  secretWrites: SecretWrites;
  now(): number;
}

/** How often one secret is begun again because somebody changed it meanwhile. */
const attempts = 5;

/**
 * Moves secrets from one backend to another, one at a time: read, write, read back and compare, point the row there,
 * delete at the source. Interrupted anywhere, a second run finishes the job.
 *
 * @returns how many there are, and what becomes of each as it happens
 * @throws AppError `not_found` or `invalid_request` before anything is done
 */
export function migrate(
  migration: Migration,
  caller: Caller,
  options: MigrateOptions,
): { total: number; results: AsyncGenerator<Migrated> } {
  const { snapshot } = options.catalogue;
  const backendNamed = (name: string): Row => {
    const backend = snapshot.named("secretbackend", name);
    if (!backend) throw new AppError("not_found", `secretbackend "${name}" not found`);
    return backend;
  };
  const [from, to] = [backendNamed(migration.from), backendNamed(migration.to)];
  if (from.id === to.id)
    throw new AppError("invalid_request", `"${from.name}" is both source and destination`);
  const secrets = snapshot.table("secret");
  // Those that are there already are gone through as well: an interrupted run may have left copies behind.
  const chosen = migration.names
    ? [...new Set(migration.names)].map((name) => snapshot.named("secret", name) ?? name)
    : secrets.sorted.filter(({ spec }) => spec["backend"] === from.name || spec["backend"] === to.name);
  const missing = chosen.find((secret) => typeof secret === "string");
  if (missing !== undefined) throw new AppError("not_found", `secret "${missing}" not found`);
  const rows = chosen as Row[];
  const ids = rows.map(({ id }) => id);
  return { total: ids.length, results: run(ids, from.id, to.id, migration, caller, options) };
}

async function* run(
  ids: readonly string[],
  fromId: string,
  toId: string,
  migration: Migration,
  caller: Caller,
  options: MigrateOptions,
): AsyncGenerator<Migrated> {
  for (const id of ids) {
    // SQLite answers before the event loop turns: calls would wait until all of them are moved.
    await new Promise((resolve) => setImmediate(resolve));
    const name = options.catalogue.snapshot.nameOf(id) ?? id;
    try {
      const outcome = await migrateOne(id, fromId, toId, migration, caller, options);
      if (outcome) yield { name, ...outcome };
    } catch (error) {
      yield { name, result: "failed", reason: reasonOf(error) };
    }
  }
}

type Outcome = Omit<Migrated, "name">;

/** Undefined when the secret has been deleted meanwhile. */
async function migrateOne(
  id: string,
  fromId: string,
  toId: string,
  { names, keepSource = false, dryRun = false }: Migration,
  caller: Caller,
  options: MigrateOptions,
): Promise<Outcome | undefined> {
  const { catalogue, secretWrites } = options;
  for (let attempt = 1; ; attempt++) {
    const { byId } = catalogue.snapshot;
    const [secret, from, to] = [byId.get(id), byId.get(fromId), byId.get(toId)];
    if (!from || !to) throw new AppError("not_found", "a backend was deleted meanwhile");
    if (!secret) return undefined;
    const home = secret.spec["backend"];
    if (home === to.name) {
      const left = dryRun ? [] : await secretWrites.sweepSecret(id);
      return { result: "skipped", reason: `already on ${to.name}`, ...whatIsLeft(left) };
    }
    if (home !== from.name) return { result: "skipped", reason: `on ${home}, not on ${from.name}` };
    const { type } = to.spec;
    if (!canHoldCredentials(type) && isCredential(secret, options)) {
      const result = names?.includes(secret.name) ? "failed" : "skipped";
      const where = findBackendType(type)?.display ?? `a backend of type ${type}`;
      return { result, reason: `a backend logs in with it, so it cannot be in ${where}` };
    }
    if (dryRun) return { result: "planned" };
    try {
      return await move(secret, from, to, keepSource, caller, options);
    } catch (error) {
      const passing = error instanceof StoreError && error.refusal === "stale";
      if (!passing || attempt === attempts) throw error;
      await catalogue.refresh();
    }
  }
}

async function move(
  secret: Row,
  from: Row,
  to: Row,
  keepSource: boolean,
  caller: Caller,
  { catalogue, backends, secrets, secretWrites, now }: MigrateOptions,
): Promise<Outcome> {
  const data = await secrets.fresh(secret);
  const source = secret.status["externalRef"] as string;
  const externalRef = await secretWrites.put(to, secret.id, data);
  try {
    if (!Bun.deepEquals(await backends.driver(to).read(externalRef), data))
      throw new AppError("secret_unavailable", `secret backend "${to.name}" gives back something else`);
    const row: Row = {
      ...secret,
      spec: { ...secret.spec, backend: to.name },
      status: { ...secret.status, externalRef, keys: Object.keys(data).sort() },
      version: secret.version + 1,
      updatedAt: now(),
    };
    const { refs } = resolveReferences({
      kind: kindOf("secret"),
      row,
      snapshot: catalogue.snapshot,
      principal: caller.principal,
    });
    await catalogue.commit([
      secretWrites.adopt(externalRef),
      ...(keepSource ? [] : [secretWrites.letGo(from, source)]),
      { op: "update", row, refs },
      { op: "audit", event: moved(secret, from, to, caller, now()) },
    ]);
  } catch (error) {
    await secretWrites.discard(to, externalRef).catch(() => {});
    throw error;
  }
  if (keepSource) return { result: "migrated" };
  const left = await secretWrites.sweepSecret(secret.id);
  return { result: "migrated", ...whatIsLeft(left) };
}

/** Whether some backend logs in with a secret. */
function isCredential(secret: Row, { catalogue }: MigrateOptions): boolean {
  return catalogue.snapshot
    .table("secretbackend")
    .sorted.some(({ spec }) => credentialOf(spec)?.name === secret.name);
}

function whatIsLeft(undeleted: readonly Undeleted[]): { left?: string } {
  const [first] = undeleted;
  return first ? { left: `a copy on ${first.backend} could not be deleted: ${reasonOf(first.error)}` } : {};
}

/** In words that may be told. */
function reasonOf(error: unknown): string {
  if (error instanceof AppError) return error.message;
  if (error instanceof StoreError && error.refusal === "stale")
    return "it was changed meanwhile, again and again";
  return error instanceof StoreError
    ? `the database refused: ${error.refusal}`
    : "something went wrong in the server";
}

function moved(secret: Row, from: Row, to: Row, { principal, requestId }: Caller, at: number): AuditEvent {
  const { id, name, kind } = secret;
  return {
    at,
    action: "migrate",
    requestId,
    userId: principal.userId,
    tokenId: tokenIdOf(principal),
    status: 200,
    detail: { kind, name, id, from: from.name, to: to.name },
  };
}
