import { type Fields, printable, quote, weakInt, weakString } from "./decode.ts";
import type { Handler } from "./framework.ts";
import { shownVersion } from "./kv-responses.ts";
import { gone, type KvConfig, type KvStore } from "./kv-store.ts";
import { type Data, failure, type LogicalResponse, listed, Refusal } from "./logical.ts";

/** Sets the given fields of an engine's configuration. */
export function writeConfig(config: KvConfig): Handler {
  return (_, fields) => {
    if (fields.has("max_versions")) config.maxVersions = fields.get("max_versions") >>> 0;
    if (fields.has("cas_required")) config.casRequired = fields.get("cas_required");
    if (fields.has("metadata_cas_required")) config.metadataCasRequired = fields.get("metadata_cas_required");
    if (fields.has("delete_version_after"))
      config.deleteVersionAfter = Math.max(-1, fields.get("delete_version_after"));
  };
}

/** Throws a Refusal if check-and-set asks for another version than the present one. */
function checkVersion(store: KvStore, fields: Fields): void {
  const metadata = store.metadata(fields.get("path"));
  const options: Data = fields.get("options") ?? {};
  if (Object.hasOwn(options, "cas")) {
    if (parsedVersion(options["cas"]) !== (metadata?.currentVersion ?? 0))
      throw new Refusal(400, "check-and-set parameter did not match the current version");
  } else if (store.config.casRequired || metadata?.casRequired) {
    throw new Refusal(400, "check-and-set parameter required for this call");
  }
}

function parsedVersion(cas: unknown): number {
  try {
    return weakInt(cas);
  } catch {
    throw new Refusal(400, "error parsing check-and-set parameter");
  }
}

function added(store: KvStore, key: string, data: Data | null): LogicalResponse {
  const { number, version } = store.add(key, data);
  return { data: shownVersion(store.metadata(key)!, version, number) };
}

/** Adds a version. */
export function writeData(store: KvStore): Handler {
  return (_, fields) => {
    if (fields.get("path") === "") throw new Refusal(400, "missing path");
    if (!fields.has("data")) throw new Refusal(400, "no data provided");
    checkVersion(store, fields);
    return added(store, fields.get("path"), fields.get("data"));
  };
}

/** Adds a version with the changes merged into the last one. */
export function patchData(store: KvStore, now: () => number): Handler {
  return (_, fields) => {
    const key: string = fields.get("path");
    if (!fields.has("data")) throw new Refusal(400, "no data provided");
    const metadata = store.metadata(key);
    if (metadata === undefined) return { status: 404, bare: true };
    checkVersion(store, fields);
    const version = metadata.versions.get(metadata.currentVersion);
    if (version === undefined) return { status: 404, bare: true };
    if (gone(version, now()))
      return { status: 404, data: shownVersion(metadata, version, metadata.currentVersion) };
    const data = store.data(key, metadata.currentVersion);
    if (data === null) throw failure(500, "resource does not exist");
    const change: Data | null = fields.get("data");
    return added(store, key, change && (mergePatch(data, change) as Data));
  };
}

/** Merges a patch into a value, as in RFC 7396. */
function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch;
  const merged = new Map(isObject(target) ? Object.entries(target) : []);
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) merged.delete(name);
    else merged.set(name, mergePatch(merged.get(name), value));
  }
  return Object.fromEntries(merged);
}

/** True if a JSON value is an object. */
export function isObject(value: unknown): value is Data {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const settings = ["max_versions", "cas_required", "metadata_cas_required", "delete_version_after"] as const;

/** Sets the given fields of a key's metadata, and makes the key if it does not exist. */
export function writeMetadata(store: KvStore, now: () => number): Handler {
  return (_, fields) => {
    const key: string = fields.get("path");
    if (key === "") throw new Refusal(400, "missing path");
    if (![...settings, "custom_metadata"].some((name) => fields.has(name))) return undefined;
    const custom = fields.has("custom_metadata")
      ? customMetadata(fields.get("custom_metadata") ?? {})
      : undefined;
    const warnings = ignoredSettings(store.config, fields);
    const existing = store.metadata(key);
    checkMetadataVersion(store, fields, existing === undefined);
    const metadata = store.ensure(key, now());
    metadata.metadataVersion++;
    metadata.updatedTime = now();
    applySettings(store, fields);
    if (custom !== undefined) metadata.customMetadata = orNull(custom);
    return warnings.length > 0 ? { warnings } : undefined;
  };
}

/** Changes the given fields of a key's metadata. */
export function patchMetadata(store: KvStore, now: () => number): Handler {
  return (_, fields) => {
    if (![...settings, "custom_metadata"].some((name) => fields.has(name))) return undefined;
    const key: string = fields.get("path");
    if (key === "") throw new Refusal(400, "missing path");
    const change: Data | null = fields.get("custom_metadata");
    const values = Object.entries(change ?? {}).filter(([, value]) => value !== null);
    customMetadata(Object.fromEntries(values));
    const metadata = store.metadata(key);
    if (metadata === undefined) return { status: 404, bare: true };
    checkMetadataVersion(store, fields, false);
    const warnings = ignoredSettings(store.config, fields);
    const odd = values.find(([, value]) => typeof value !== "string");
    if (odd) {
      const kind = typeof odd[1] === "boolean" ? "bool" : typeof odd[1];
      const field = "KeyMetadata.custom_metadata of type string";
      throw failure(500, `json: cannot unmarshal ${kind} into Go struct field ${field}`);
    }
    applySettings(store, fields);
    if (fields.has("custom_metadata"))
      metadata.customMetadata =
        change && orNull(mergePatch(metadata.customMetadata, change) as Record<string, string>);
    metadata.metadataVersion++;
    metadata.updatedTime = now();
    return warnings.length > 0 ? { warnings } : undefined;
  };
}

function applySettings(store: KvStore, fields: Fields): void {
  const metadata = store.metadata(fields.get("path"))!;
  if (fields.has("max_versions")) metadata.maxVersions = fields.get("max_versions") >>> 0;
  if (fields.has("cas_required")) metadata.casRequired = fields.get("cas_required");
  if (fields.has("metadata_cas_required")) metadata.metadataCasRequired = fields.get("metadata_cas_required");
  if (fields.has("delete_version_after")) metadata.deleteVersionAfter = fields.get("delete_version_after");
}

function ignoredSettings(config: KvConfig, fields: Fields): string[] {
  const mandated = [
    ["cas_required", config.casRequired],
    ["metadata_cas_required", config.metadataCasRequired],
  ] as const;
  return mandated
    .filter(([name, required]) => required && fields.has(name) && !fields.get(name))
    .map(
      ([name]) => `"${name}" set to false, but is mandated by backend config. This value will be ignored.`,
    );
}

function checkMetadataVersion(store: KvStore, fields: Fields, isNew: boolean): void {
  const metadata = store.metadata(fields.get("path"));
  const required = metadata?.metadataCasRequired || store.config.metadataCasRequired;
  if (!fields.has("metadata_cas")) {
    if (required) throw new Refusal(400, "metadata check-and-set parameter required for this call");
    return;
  }
  if (isNew && fields.get("metadata_cas") !== 0)
    throw new Refusal(400, "metadata_cas must be 0 when creating new metadata");
  if (!isNew && fields.get("metadata_cas") !== metadata?.metadataVersion)
    throw new Refusal(400, "metadata check-and-set parameter does not match the current version");
}

/** Returns null for an empty map, which an engine does not keep, and other maps as they are. */
function orNull(map: Record<string, string>): Record<string, string> | null {
  return Object.keys(map).length === 0 ? null : map;
}

/** Checks custom metadata. Throws a Refusal with every fault. */
function customMetadata(given: Data): Record<string, string> {
  const prefix = "custom_metadata validation failed";
  let map: Record<string, string>;
  try {
    map = Object.fromEntries(Object.entries(given).map(([key, value]) => [key, weakString(value)]));
  } catch (error) {
    throw new Refusal(400, `${prefix}: ${(error as Error).message}`);
  }
  const count = Object.keys(map).length;
  const faults =
    count > 64
      ? [`payload must contain at most 64 keys, provided ${count}`]
      : Object.entries(map).flatMap(([key, value]) => faultsOf(key, value));
  if (faults.length > 0) throw new Refusal(400, listed(faults.map((fault) => `${prefix}: ${fault}`)));
  return map;
}

function faultsOf(key: string, value: string): string[] {
  const [keyLength, valueLength] = [Buffer.byteLength(key), Buffer.byteLength(value)];
  return [
    ...(keyLength === 0 || keyLength > 128
      ? [`length of key ${quote(key)} is ${keyLength} but must be 0 < len(key) <= 128`]
      : []),
    ...(valueLength === 0 || valueLength > 512
      ? [`length of value for key ${quote(key)} is ${valueLength} but must be 0 < len(value) <= 512`]
      : []),
    ...(printable(key) ? [] : [`key ${quote(key)} (${key}) contains unprintable characters`]),
    ...(printable(value) ? [] : [`value for key ${quote(key)} contains unprintable characters`]),
  ];
}
