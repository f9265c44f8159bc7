import type { Resource } from "../../kinds/define.ts";
import { OpenBaoConfig } from "../../kinds/secret-backend-config.ts";
import { plain } from "../output/cells.ts";
import { type Entry, type FieldEntries, inWords, timed } from "../output/describe.ts";
import { mask, masked } from "../output/mask.ts";

/** The config with how the server logs in, the health, and the last rotation of its token. */
export function describeSecretBackend(backend: Resource, now: number): FieldEntries {
  const config = mask(backend["config"] ?? {}) as Record<string, unknown>;
  const { type, health, rotation } = backend;
  // In the schema's order, whatever order it was written in; what a newer server has more comes last.
  const fields = new Set([...Object.keys(OpenBaoConfig.properties), ...Object.keys(config)]);
  const lines = [...fields]
    .filter((field) => Object.hasOwn(config, field))
    .map((field) => ({ label: inWords(field), value: configText(field, config[field]) }));
  if (type === "openbao" && config["auth"] === undefined)
    lines.push({ label: "Auth", value: "not set, so it cannot be used" });
  return {
    config: lines.length > 0 ? [{ title: "Config", entries: lines }] : [],
    health: section("Health", health, { status: "Status", reason: "Reason", checkedAt: "Checked" }, now),
    rotation: section(
      "Rotation",
      rotation,
      { rotatedAt: "Rotated", failedAt: "Failed", reason: "Reason" },
      now,
    ),
  };
}

/** A section of what the server found; none where it found nothing yet. */
function section(
  title: string,
  found: unknown,
  labels: Readonly<Record<string, string>>,
  now: number,
): readonly Entry[] {
  if (typeof found !== "object" || found === null) return [];
  const values = found as Record<string, unknown>;
  return [
    {
      title,
      entries: Object.entries(labels).map(([field, label]) => ({
        label,
        value: timed(plain(values[field]), now),
      })),
    },
  ];
}

function configText(field: string, value: unknown): string {
  if (field === "caCert" && typeof value === "string" && value !== masked)
    return `(PEM, ${Buffer.byteLength(value)} bytes)`;
  return field === "auth" && typeof value === "object" && value !== null
    ? authText(value as Record<string, unknown>)
    : plain(value);
}

/** `token from secret://bao-token/token`; a method that is not known here as it stands. */
function authText(auth: Readonly<Record<string, unknown>>): string {
  const { method, mount, roleId, role, tokenSecretRef, secretIdRef } = auth;
  const at = mount === undefined || mount === method ? "" : ` at ${plain(mount)}`;
  if (method === "token") return `token from ${refText(tokenSecretRef)}`;
  if (method === "approle")
    return `approle${at}, role id ${plain(roleId)}, secret id from ${refText(secretIdRef)}`;
  if (method === "kubernetes") return `kubernetes${at}, as role ${plain(role)}`;
  return plain(auth);
}

function refText(ref: unknown): string {
  const { name, key } = (ref ?? {}) as { name?: unknown; key?: unknown };
  return `secret://${plain(name)}/${plain(key)}`;
}
