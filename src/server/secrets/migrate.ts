import { AppError } from "../../errors.ts";
import { kindOf } from "../../kinds/index.ts";
import { secret as secretKind } from "../../kinds/secret.ts";
import { secretBackend } from "../../kinds/secret-backend.ts";
import { canHoldCredentials, credentialOf, findBackendType } from "../../kinds/secret-backends/config.ts";
import { decide, mayRun } from "../core/access/policy.ts";
import { userPrincipal } from "../core/access/principals.ts";
import { standing } from "../core/access/standing.ts";
import { type Caller, eventBy } from "../core/caller.ts";
import type { Catalogue } from "../core/catalogue/catalogue.ts";
import { resolveReferences } from "../core/catalogue/draft.ts";
import type { Snapshot } from "../core/store/snapshot.ts";
import { specOf, statusOf } from "../core/store/typed-rows.ts";
import { type AuditEvent, type Row, StoreError } from "../core/store/types.ts";
import type { Backends } from "./backends.ts";
import type { SecretValues } from "./secret-values.ts";
import type { SecretWrites, Undeleted } from "./secret-writes.ts";

/** A request to move secrets. */
export interface MigrationRequest {
  /** Name of the secret backend to move from. */
  from: string;
  /** Name of the secret backend to move to. */
  to: string;
  /** Names of the secrets to move. Default: all that are on `from`. */
  names?: readonly string[];
  keepSource?: boolean;
  dryRun?: boolean;
}

/** The result for one secret. */
export interface Migrated {
  name: string;
  result: "migrated" | "skipped" | "planned" | "failed";
  /** The reason why it was skipped, or failed. */
  reason?: string;
  /** The reason why a copy was not deleted. */
  left?: string;
}

export interface MigrateOptions {
  catalogue: Catalogue;
  backends: Backends;
  secrets: SecretValues;
  secretWrites: SecretWrites;
  now(): number;
}

/** Number of attempts for a secret that somebody changes in the meantime. */
const attempts = 5;

/**
 * Moves secrets from one backend to another, one at a time: read, write, read back and compare, point the row there,
 * delete at the source. Interrupted anywhere, a second run finishes the job.
 *
 * @returns the number of secrets, and the result of each as it happens
 * @throws AppError `not_found`, `invalid_request` or `forbidden` before anything is done
 */
export function migrate(
  migration: MigrationRequest,
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
  refuseOwn(snapshot, caller, to);
  if (from.id === to.id)
    throw new AppError("invalid_request", `"${from.name}" is both source and destination`);
  const secrets = snapshot.table("secret");
  // Secrets that are on the destination already are visited as well: an interrupted run may have left copies.
  const chosen = migration.names
    ? [...new Set(migration.names)].map((name) => snapshot.named("secret", name) ?? name)
    : secrets.sorted.filter(({ spec }) => spec.backend === from.name || spec.backend === to.name);
  const missing = chosen.find((secret) => typeof secret === "string");
  if (missing !== undefined) throw new AppError("not_found", `secret "${missing}" not found`);
  const rows = chosen as Row[];
  const ids = rows.map(({ id }) => id);
  return { total: ids.length, results: run(ids, from.id, to.id, migration, caller, options) };
}

/**
 * Refuses to move secrets of others to a backend that the caller could have pointed anywhere: it would read them there (T94).
 *
 * @throws AppError `forbidden`
 */
function refuseOwn(snapshot: Snapshot, { principal }: Caller, to: Row): void {
  if (mayRun(principal, "manage-secretbackends")) return;
  const maker = to.owner === principal.userId ? userPrincipal(snapshot, to.owner) : undefined;
  const isOwn = maker !== undefined && !mayRun(maker, "manage-secretbackends");
  if (!isOwn && decide(principal, "update", secretBackend.plural, to.name, to) !== "allow") return;
  throw new AppError(
    "forbidden",
    `moving secrets to secret backend "${to.name}", which you may change, needs the operation manage-secretbackends`,
  );
}

async function* run(
  ids: readonly string[],
  fromId: string,
  toId: string,
  migration: MigrationRequest,
  caller: Caller,
  options: MigrateOptions,
): AsyncGenerator<Migrated> {
  for (const id of ids) {
    // SQLite returns before the event loop turns: without this, calls would wait until all secrets are moved.
    await new Promise((resolve) => setImmediate(resolve));
    const name = options.catalogue.snapshot.nameOf(id) ?? id;
    try {
      const result = await migrateOne(id, fromId, toId, migration, caller, options);
      if (result) yield { name, ...result };
    } catch (error) {
      yield { name, result: "failed", reason: reasonOf(error) };
    }
  }
}

type SecretResult = Omit<Migrated, "name">;

/** Moves one secret. Returns undefined if it has been deleted in the meantime. */
async function migrateOne(
  id: string,
  fromId: string,
  toId: string,
  { names, keepSource = false, dryRun = false }: MigrationRequest,
  caller: Caller,
  options: MigrateOptions,
): Promise<SecretResult | undefined> {
  const { catalogue, secretWrites } = options;
  for (let attempt = 1; ; attempt++) {
    const { byId } = catalogue.snapshot;
    const [secret, from, to] = [byId.get(id), byId.get(fromId), byId.get(toId)];
    if (!from || !to) throw new AppError("not_found", "a backend was deleted in the meantime");
    if (!secret) return undefined;
    const home = specOf(secretKind, secret).backend;
    if (home === to.name) {
      const left = dryRun ? [] : await secretWrites.sweepSecret(id);
      return { result: "skipped", reason: `already on ${to.name}`, ...remainingCopy(left) };
    }
    if (home !== from.name) return { result: "skipped", reason: `on ${home}, not on ${from.name}` };
    const { type } = specOf(secretBackend, to);
    if (!canHoldCredentials(type) && isCredential(secret, options)) {
      const result = names?.includes(secret.name) ? "failed" : "skipped";
      const where = findBackendType(type)?.display ?? `a backend of type ${type}`;
      return { result, reason: `a backend logs in with it, so it cannot be in ${where}` };
    }
    if (dryRun) return { result: "planned" };
    try {
      return await move(secret, from, to, keepSource, caller, options);
    } catch (error) {
      const isStale = error instanceof StoreError && error.refusal === "stale";
      if (!isStale || attempt === attempts) throw error;
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
): Promise<SecretResult> {
  const data = await secrets.fresh(secret);
  const source = statusOf(secretKind, secret).externalRef;
  const externalRef = await secretWrites.put(to, secret.id, data);
  try {
    if (!Bun.deepEquals(await backends.driver(to).read(externalRef), data))
      throw new AppError(
        "secret_unavailable",
        `secret backend "${to.name}" returns other values than were written`,
      );
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
      ...standing(caller.principal),
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
  return { result: "migrated", ...remainingCopy(left) };
}

/** True if a backend logs in with a secret. */
function isCredential(secret: Row, { catalogue }: MigrateOptions): boolean {
  return catalogue.snapshot
    .table("secretbackend")
    .sorted.some(({ spec }) => credentialOf(spec)?.name === secret.name);
}

function remainingCopy(undeleted: readonly Undeleted[]): { left?: string } {
  const [first] = undeleted;
  return first ? { left: `a copy on ${first.backend} could not be deleted: ${reasonOf(first.error)}` } : {};
}

/** Returns the reason of a failure, without details that the caller may not see. */
function reasonOf(error: unknown): string {
  if (error instanceof AppError) return error.message;
  if (error instanceof StoreError && error.refusal === "stale")
    return "it was changed in the meantime, several times";
  return error instanceof StoreError
    ? `the database refused: ${error.refusal}`
    : "something went wrong in the server";
}

function moved({ id, name, kind }: Row, from: Row, to: Row, caller: Caller, at: number): AuditEvent {
  const detail = { kind, name, id, from: from.name, to: to.name };
  return eventBy(caller, { at, action: "migrate", status: 200, detail });
}
