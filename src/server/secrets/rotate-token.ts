import type { DriverLogin } from "../../backends/types.ts";
import { AppError } from "../../errors.ts";
import { kindOf } from "../../kinds/index.ts";
import { secretBackend } from "../../kinds/secret-backend.ts";
import { credentialOf, findBackendType } from "../../kinds/secret-backends/config.ts";
import { everything } from "../core/access/policy.ts";
import { type Caller, eventBy } from "../core/caller.ts";
import type { Catalogue } from "../core/catalogue/catalogue.ts";
import type { Resources } from "../core/catalogue/resources.ts";
import { storeFailure } from "../core/store/store-failure.ts";
import { specOf, statusOf } from "../core/store/typed-rows.ts";
import { type Row, StoreError } from "../core/store/types.ts";
import { type Backends, withoutName } from "./backends.ts";
import type { SecretValues } from "./secret-values.ts";

/** The last rotation, as a backend's row keeps it. Times are RFC 3339. */
export interface Rotation {
  rotatedAt: string | null;
  failedAt: string | null;
  reason: string | null;
}

export interface RotateOptions {
  catalogue: Catalogue;
  backends: Backends;
  resources: Resources;
  secrets: SecretValues;
  now(): number;
}

/**
 * Replaces the token that a backend logs in with: makes a new one, proves it, stores it, and revokes the old one. After
 * a failure the old one stays in use, and the backend's row keeps the reason.
 *
 * @param backendId the id of a backend that logs in with a token
 * @returns the time of the rotation, and a warning if the old token could not be revoked
 * @throws AppError `not_supported` if there is nothing to replace, else the reason of the failure
 */
export async function rotateToken(
  backendId: string,
  caller: Caller,
  options: RotateOptions,
): Promise<{ rotatedAt: string; warning?: string }> {
  const { catalogue, backends, now } = options;
  const backend = catalogue.snapshot.byId.get(backendId)!;
  const { login } = backends.driver(backend);
  if (!login || !hasToken(backend)) {
    throw new AppError("not_supported", `secret backend "${backend.name}" does not log in with a token`, {
      hint: "only such a token is replaced; other methods get a new one at each login",
    });
  }
  const at = () => new Date(now()).toISOString();
  try {
    const warning = await replace(backend, login, caller, options);
    const rotatedAt = at();
    await remember(backendId, () => ({ rotatedAt, failedAt: null, reason: null }), caller, options);
    await backends.check(catalogue.snapshot.byId.get(backendId) ?? backend);
    return { rotatedAt, ...(warning !== undefined && { warning }) };
  } catch (error) {
    if (error instanceof AppError && error.code === "not_supported") throw error;
    const message = error instanceof AppError ? error.message : "something went wrong in the server";
    const reason = withoutName(backend.name, message);
    const rotatedAt = statusOf(secretBackend, backend).rotation?.rotatedAt ?? null;
    const failure = { rotatedAt, failedAt: at(), reason };
    // Another server that has replaced it meanwhile has not failed.
    const isOvertaken = (present?: Rotation) => (present?.rotatedAt ?? null) !== rotatedAt;
    await remember(backendId, (present) => (isOvertaken(present) ? undefined : failure), caller, options);
    throw error;
  }
}

/** True if a backend logs in with a token that can be replaced. */
export function hasToken(backend: Row): boolean {
  const { type, config } = specOf(secretBackend, backend);
  return findBackendType(type)?.login?.canRotate(config) === true;
}

/** Replaces the token. Returns a warning if the old one could not be revoked. */
async function replace(
  backend: Row,
  login: DriverLogin,
  caller: Caller,
  { catalogue, resources, secrets }: RotateOptions,
): Promise<string | undefined> {
  const { name, key } = credentialOf(backend.spec)!;
  // A token that somebody stores meanwhile must not be replaced by one that was made with the old one (failure mode 259).
  const version = catalogue.snapshot.named("secret", name)?.version;
  const old = await secrets.value(name, key);
  const token = await login.mint();
  try {
    await login.prove(token);
    // A caller who may replace the token need not be allowed to edit the secret that holds it.
    const principal = { ...caller.principal, policies: [everything] };
    await resources.update({ ...caller, principal }, kindOf("secret"), name, {
      data: { [key]: token },
      version,
    });
  } catch (error) {
    await login.revoke(token).catch(() => {});
    throw error;
  }
  login.forget();
  try {
    await login.revoke(old);
    return undefined;
  } catch (error) {
    const why = error instanceof AppError ? `: ${error.message}` : "";
    return `the old token could not be revoked and ends by itself${why}`;
  }
}

/**
 * Writes the result of a rotation into a backend's row, with an audit event.
 *
 * @param result returns it, or undefined for nothing; it gets the result that the row has now
 */
export async function remember(
  backendId: string,
  result: (present: Rotation | undefined) => Rotation | undefined,
  caller: Caller,
  { catalogue, now }: RotateOptions,
): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const backend = catalogue.snapshot.byId.get(backendId);
    const rotation = backend && result(statusOf(secretBackend, backend).rotation);
    if (!rotation) return;
    const { kind, name, id, version, status } = backend;
    const row = { ...backend, status: { ...status, rotation }, version: version + 1, updatedAt: now() };
    const event = eventBy(caller, {
      at: now(),
      action: rotation.failedAt === null ? "rotate" : "rotate_failed",
      status: rotation.failedAt === null ? 200 : 500,
      detail: { kind, name, id },
    });
    try {
      await catalogue.commit([
        { op: "update", row, refs: catalogue.snapshot.refsOf(id) },
        { op: "audit", event },
      ]);
      return;
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      if (error.refusal !== "stale" || attempt === 5) throw storeFailure(error);
      await catalogue.refresh();
    }
  }
}
