import { AppError, type Fault } from "../../../../errors.ts";
import { completeConfig, credentialOf } from "../../../../kinds/secret-backend-config.ts";
import { isLoopbackHost, normaliseProviderUrl } from "../../../../net/provider-url.ts";
import { decide } from "../../access/policy.ts";
import type { BackendHealth } from "../../store/snapshot.ts";
import type { Row, Write } from "../../store/types.ts";
import type { Draft, Hooks, View } from "../hooks.ts";

/** After this long without a new token, a backend whose token is replaced daily is stale. Milliseconds. */
const staleAfter = 2 * 24 * 60 * 60 * 1000;

export const secretBackendHooks: Hooks = {
  prepare(draft, services) {
    const { row, faults } = draft;
    const type = row.spec["type"] as string;
    const completed = completeConfig(type, row.spec["config"] as Record<string, unknown>);
    row.spec["config"] = completed.config;
    faults.push(...completed.faults);
    if (faults.length > 0) return;
    if (type === "sealed" && !services.hasMasterKey()) {
      throw new AppError("conflict", "this server has no master key to seal secrets with", {
        hint: "make one with: umask 077; openssl rand -base64 32 > master-key; then start the server with --master-key-file",
      });
    }
    if (type === "openbao") {
      faults.push(...urlFaults(completed.config, services.isSelf));
      if (faults.length === 0) checkCredential(draft);
    }
    if (faults.length === 0) stepUp(draft);
  },
  remove(draft) {
    if (draft.row.spec["isDefault"]) {
      throw new AppError("conflict", `secret backend "${draft.row.name}" is the default`, {
        hint: "make another one the default first",
      });
    }
    if (draft.row.status["builtIn"]) {
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
      rotation: row.status["rotation"] ?? null,
    };
  },
};

/** Exactly one backend is the default, at any time: the old one steps down in the same transaction. */
function stepUp(draft: Draft): void {
  const { before, row, snapshot, writeFirst } = draft;
  if (before?.spec["isDefault"] === true && !row.spec["isDefault"]) {
    throw new AppError("conflict", "one backend must be the default", {
      hint: "make another one the default instead: this one then steps down",
    });
  }
  if (!row.spec["isDefault"]) return;
  for (const other of snapshot.table("secretbackend").sorted) {
    if (other.id !== row.id && other.spec["isDefault"] === true)
      writeFirst.push(steppedDown(other, row.updatedAt, snapshot.refsOf(other.id)));
  }
}

function steppedDown(other: Row, updatedAt: number, refs: Extract<Write, { op: "update" }>["refs"]): Write {
  const spec = { ...other.spec, isDefault: false };
  return { op: "update", row: { ...other, spec, version: other.version + 1, updatedAt }, refs };
}

/** What is wrong with the url of an OpenBao. Brings it into its normal form. */
export function urlFaults(config: Record<string, unknown>, isSelf: (url: URL) => boolean): Fault[] {
  const fault = (message: string) => [{ path: "/config/url", message }];
  try {
    config["url"] = normaliseProviderUrl(config["url"] as string);
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return (error.details ?? []).flatMap(({ message }) => fault(message));
  }
  const url = new URL(config["url"] as string);
  // It would ask itself for the key that it needs to answer (T11).
  if (isSelf(url)) return fault("is this server itself");
  if (url.protocol === "http:" && !isLoopbackHost(url.hostname) && config["allowInsecure"] !== true)
    return fault("must be https, except on this machine; allowInsecure: true sends the token in the clear");
  return [];
}

/**
 * Logging in with a secret needs `expose` on it; so does sending the credential that is there already to another
 * place, else it is cleared (T12). It lives where no other login is needed to read it.
 */
function checkCredential({ before, row, snapshot, principal, faults }: Draft): void {
  const config = row.spec["config"] as Record<string, unknown>;
  const credential = credentialOf(config);
  if (!credential) return;
  const { path, name, key } = credential;
  const secret = snapshot.named("secret", name);
  const exposing = decide(principal, "expose", "secrets", name, secret);
  const old = before?.spec["config"] as Record<string, unknown> | undefined;
  if (old && Bun.deepEquals(credentialOf(old), credential)) {
    if (exposing !== "allow" && !Bun.deepEquals(placeOf(old), placeOf(config))) delete config["auth"];
    return;
  }
  // Who may not expose the secret is told the same whether it exists or not.
  if (exposing === "forbidden")
    throw new AppError("forbidden", `logging in with secret "${name}" needs expose on it`);
  if (!secret) return;
  if (!(secret.status["keys"] as string[]).includes(key))
    faults.push({ path: `${path}/key`, message: `secret "${name}" has no key "${key}"` });
  const home = snapshot.named("secretbackend", secret.spec["backend"] as string);
  if (home?.spec["type"] === "openbao") {
    const message = `secret "${name}" is itself in OpenBao; keep it on a plaintext or sealed backend`;
    faults.push({ path: `${path}/name`, message });
  }
}

/** What decides who gets to see the credential. */
function placeOf(config: Readonly<Record<string, unknown>>): unknown {
  const { url, caCert, allowInsecure = false } = config;
  return [new URL(url as string).origin, caCert, allowInsecure];
}

/** How it was when it was last asked; a failed or overdue rotation makes it less than healthy. */
function healthOf(row: Row, { snapshot, now }: View): object | null {
  const health: BackendHealth | undefined = snapshot.moving.health.get(row.id);
  if (!health || health.status === "error") return health ?? null;
  const rotation = row.status["rotation"] as
    | { rotatedAt?: string; failedAt?: string; reason?: string }
    | undefined;
  if (rotation?.rotatedAt && now - Date.parse(rotation.rotatedAt) > staleAfter) {
    const why = rotation.reason ? `: ${rotation.reason}` : "";
    return { ...health, status: "stale", reason: `its token has not been replaced for two days${why}` };
  }
  if (health.status === "healthy" && rotation?.failedAt)
    return { ...health, status: "warning", reason: `its token could not be replaced: ${rotation.reason}` };
  return health;
}
