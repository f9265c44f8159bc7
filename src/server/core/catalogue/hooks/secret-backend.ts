import { AppError } from "../../../../errors.ts";
import {
  canHoldCredentials,
  completeConfig,
  credentialOf,
  findBackendType,
} from "../../../../kinds/secret-backends/config.ts";
import type { BackendConfig } from "../../../../kinds/secret-backends/define.ts";
import { backendTypes } from "../../../../kinds/secret-backends/index.ts";
import { decide, mayRun } from "../../access/policy.ts";
import type { BackendHealth } from "../../store/snapshot.ts";
import type { SecretBackendRow } from "../../store/typed-rows.ts";
import type { Row, Write } from "../../store/types.ts";
import type { Draft, Hooks, View } from "../hooks.ts";
import { missingKey } from "../missing-key.ts";

/** Age of a token after which its backend is stale, in milliseconds. Tokens are replaced daily. */
const staleAfter = 2 * 24 * 60 * 60 * 1000;

export const secretBackendHooks: Hooks<SecretBackendRow> = {
  prepare(draft, services) {
    const { faults } = draft;
    const { spec } = draft.row;
    const completed = completeConfig(spec.type, spec.config);
    spec.config = completed.config;
    faults.push(...completed.faults);
    if (faults.length > 0) return;
    faults.push(...services.backends.checkConfig(spec.type, completed.config));
    if (faults.length === 0) checkManaging(draft);
    if (faults.length === 0) checkCredential(draft);
    if (faults.length === 0) keepOneDefault(draft);
  },
  remove(draft) {
    if (draft.row.spec.isDefault) {
      throw new AppError("conflict", `secret backend "${draft.row.name}" is the default`, {
        hint: "make another one the default first",
      });
    }
    if (draft.row.status.builtIn) {
      throw new AppError(
        "conflict",
        `secret backend "${draft.row.name}" is built in: a backend's own credentials live there`,
      );
    }
  },
  status(row, view) {
    const secrets = view.snapshot.pointersTo.get(row.id) ?? [];
    return {
      secretCount: secrets.length,
      health: healthOf(row, view),
      rotation: row.status.rotation ?? null,
    };
  },
};

/** Keeps exactly one backend the default: the old default changes in the same transaction. */
function keepOneDefault(draft: Draft<SecretBackendRow>): void {
  const { before, row, snapshot, writeFirst } = draft;
  const { isDefault } = row.spec;
  if (before?.spec.isDefault && !isDefault) {
    throw new AppError("conflict", "one backend must be the default", {
      hint: "make another one the default instead: this one then steps down",
    });
  }
  if (!isDefault) return;
  for (const other of snapshot.table("secretbackend").sorted) {
    if (other.id !== row.id && other.spec.isDefault)
      writeFirst.push(withoutDefault(other, row.updatedAt, snapshot.refsOf(other.id)));
  }
}

function withoutDefault(
  other: Row,
  updatedAt: number,
  refs: Extract<Write, { op: "update" }>["refs"],
): Write {
  const spec = { ...other.spec, isDefault: false };
  return { op: "update", row: { ...other, spec, version: other.version + 1, updatedAt }, refs };
}

/**
 * Checks a change that reaches what belongs to others: the identity of the server's host, which an ambient login sends
 * to the backend; the secrets that users will store, which go to the default; and those that the backend holds already
 * (T12). It needs the operation manage-secretbackends.
 *
 * @throws AppError `forbidden`
 */
function checkManaging({ before, row, snapshot, principal }: Draft<SecretBackendRow>): void {
  if (mayRun(principal, "manage-secretbackends")) return;
  const isMoved = before && !Bun.deepEquals(before.spec.config, row.spec.config);
  const isAmbient = findBackendType(row.spec.type)?.login?.isAmbient(row.spec.config) ?? false;
  const wasAmbient = before && findBackendType(before.spec.type)?.login?.isAmbient(before.spec.config);
  const holds = (snapshot.pointersTo.get(row.id) ?? []).length > 0;
  const reason =
    row.spec.isDefault && !before?.spec.isDefault
      ? "making a secret backend the default"
      : isAmbient && (!wasAmbient || isMoved)
        ? "logging in to a secret backend with the identity of the server's host"
        : isMoved && (holds || row.spec.isDefault)
          ? "moving a secret backend that others' secrets go to"
          : undefined;
  if (reason !== undefined)
    throw new AppError("forbidden", `${reason} needs the operation manage-secretbackends`);
}

/**
 * Checks the credential that a backend logs in with. Naming a secret needs `expose` on it. Sending the present credential
 * to another place needs `expose` as well, else it is removed from the config (T12). A credential must be on a backend
 * that needs no login.
 */
function checkCredential({ before, row, snapshot, principal, faults }: Draft<SecretBackendRow>): void {
  const { spec } = row;
  const credential = credentialOf(spec);
  if (!credential) return;
  const { path, name, key } = credential;
  const secret = snapshot.named("secret", name);
  const exposing = decide(principal, "expose", "secrets", name, secret);
  if (before && Bun.deepEquals(credentialOf(before.spec), credential)) {
    if (exposing !== "allow" && !Bun.deepEquals(destinationOf(before), destinationOf(row)))
      spec.config = withoutField(spec.config, path.split("/")[2]!);
    return;
  }
  // The response does not reveal to such a caller whether the secret exists.
  if (exposing === "forbidden")
    throw new AppError("forbidden", `logging in with secret "${name}" needs expose on it`);
  if (!secret) return;
  const message = missingKey(secret, key);
  if (message !== undefined) faults.push({ path: `${path}/key`, message });
  const home = snapshot.named("secretbackend", secret.spec.backend ?? "");
  if (home && !canHoldCredentials(home.spec.type)) {
    const where = findBackendType(home.spec.type)?.display ?? `a backend of type ${home.spec.type}`;
    const others = backendTypes.map((type) => type.name).filter(canHoldCredentials);
    const message = `secret "${name}" is itself in ${where}; keep it on a ${others.join(" or ")} backend`;
    faults.push({ path: `${path}/name`, message });
  }
}

/** Returns the parts of a backend's config that decide where its credential is sent. */
function destinationOf({ spec: { type, config } }: SecretBackendRow): unknown {
  return findBackendType(type)?.login?.destinationOf(config);
}

function withoutField(config: BackendConfig, field: string): Record<string, unknown> {
  const { [field]: _, ...rest } = config;
  return rest;
}

/** Returns the health at the last check. A failed or overdue rotation makes it less than healthy. */
function healthOf(row: SecretBackendRow, { snapshot, now }: View): object | null {
  const health: BackendHealth | undefined = snapshot.volatile.health.get(row.id);
  if (!health || health.status === "error") return health ?? null;
  const { rotation } = row.status;
  if (rotation?.rotatedAt && now - Date.parse(rotation.rotatedAt) > staleAfter) {
    const why = rotation.reason ? `: ${rotation.reason}` : "";
    return { ...health, status: "stale", reason: `its token has not been replaced for two days${why}` };
  }
  if (health.status === "healthy" && rotation?.failedAt)
    return { ...health, status: "warning", reason: `its token could not be replaced: ${rotation.reason}` };
  return health;
}
