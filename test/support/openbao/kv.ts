import type { Fields, Schema } from "./decode.ts";
import type { Backend, Handler, Path } from "./framework.ts";
import { shown, shownConfig, shownVersion } from "./kv-responses.ts";
import { gone, type KvStore, kvStore, type Version } from "./kv-store.ts";
import { isObject, patchData, patchMetadata, writeConfig, writeData, writeMetadata } from "./kv-write.ts";
import { type Data, listResponse, type Operation, Refusal } from "./logical.ts";

/** Makes a KV version 2 engine. */
export function kvBackend(now: () => number): Backend {
  const store = kvStore(now);
  return {
    paths: [
      configPath(store),
      dataPath(store, now),
      ...metadataPaths(store, now),
      versionsPath(store, "destroy", "no version number provided", (version, key, number) => {
        version.destroyed = true;
        store.forget(key, number);
      }),
      subkeysPath(store, now),
      versionsPath(store, "delete", "No version number provided", (version) => {
        if (!gone(version, now())) version.deletionTime = now();
      }),
      versionsPath(store, "undelete", "No version number provided", (version, key) => {
        version.deletionTime = store.deletionTime(store.metadata(key)!);
      }),
      invalidPath,
    ],
  };
}

function configPath({ config }: KvStore): Path {
  const write = writeConfig(config);
  return {
    pattern: /^config$/,
    fields: {
      max_versions: "int",
      cas_required: "bool",
      metadata_cas_required: "bool",
      delete_version_after: "signed seconds",
    },
    operations: { read: () => ({ data: shownConfig(config) }), create: write, update: write },
  };
}

function dataPath(store: KvStore, now: () => number): Path {
  const write = writeData(store);
  return {
    pattern: /^data\/(?<path>.*)$/,
    fields: { path: "string", version: "int", options: "map", data: "map" },
    exists: (fields) => store.metadata(fields.get("path")) !== undefined,
    operations: {
      create: write,
      update: write,
      patch: patchData(store, now),
      read: (_, fields) => {
        const found = versionOf(store, fields);
        if (found === undefined) return undefined;
        const metadata = shownVersion(found.metadata, found.version, found.number);
        if (gone(found.version, now())) return { status: 404, data: { data: null, metadata } };
        return { data: { data: store.data(fields.get("path"), found.number), metadata } };
      },
      delete: (_, fields) => {
        const metadata = store.metadata(fields.get("path"));
        const version = metadata?.versions.get(metadata.currentVersion);
        if (version !== undefined && !gone(version, now())) version.deletionTime = now();
      },
    },
  };
}

function metadataPaths(store: KvStore, now: () => number): Path[] {
  const write = writeMetadata(store, now);
  const exists = (fields: Fields) => store.metadata(fields.get("path")) !== undefined;
  const lists = { list: listing(store, store.list), scan: listing(store, store.scan) };
  const listed: Schema = { path: "string", after: "string", limit: "int" };
  return [
    {
      pattern: /^metadata\/(?<path>.*)$/,
      fields: {
        ...listed,
        cas_required: "bool",
        metadata_cas_required: "bool",
        max_versions: "int",
        delete_version_after: "seconds",
        custom_metadata: "map",
        metadata_cas: "int",
      },
      exists,
      operations: {
        ...lists,
        create: write,
        update: write,
        patch: patchMetadata(store, now),
        read: (_, fields) => {
          const metadata = store.metadata(fields.get("path"));
          return metadata && { data: shown(metadata) };
        },
        delete: (_, fields) => store.remove(fields.get("path")),
      },
    },
    { pattern: /^detailed-metadata\/(?<path>.*)$/, fields: listed, exists, operations: lists },
  ];
}

function listing(store: KvStore, namesIn: (folder: string) => string[]): Handler {
  return ({ path }, fields) => {
    const [limit, after] = [fields.get("limit"), fields.get("after")];
    const names = namesIn(fields.get("path")).filter((name) => after === "" || name > after);
    const keys = limit > 0 ? names.slice(0, limit) : names;
    if (!path.startsWith("detailed-metadata/") || keys.length === 0) return listResponse(keys);
    const info = keys.map((name) => {
      const metadata = name.endsWith("/") ? undefined : store.metadata(`${fields.get("path")}/${name}`);
      return [name, metadata ? shown(metadata) : {}];
    });
    return { data: { keys, key_info: Object.fromEntries(info) } };
  };
}

/** Does something to each of the given versions, except destroyed ones. */
function versionsPath(
  store: KvStore,
  prefix: string,
  missing: string,
  change: (version: Version, key: string, number: number) => void,
): Path {
  const handler: Handler = (_, fields) => {
    const numbers: number[] = fields.get("versions");
    if (numbers.length === 0) throw new Refusal(400, missing);
    const key: string = fields.get("path");
    for (const number of numbers) {
      const version = store.metadata(key)?.versions.get(number);
      if (version !== undefined && !version.destroyed) change(version, key, number);
    }
  };
  return {
    pattern: new RegExp(`^${prefix}/(?<path>.*)$`),
    fields: { path: "string", versions: "comma ints" },
    operations: { create: handler, update: handler },
  };
}

function subkeysPath(store: KvStore, now: () => number): Path {
  return {
    pattern: /^subkeys\/(?<path>.*)$/,
    fields: { path: "string", depth: "int", version: "int" },
    operations: {
      read: (_, fields) => {
        const found = versionOf(store, fields);
        if (found === undefined) return undefined;
        const metadata = shownVersion(found.metadata, found.version, found.number);
        if (gone(found.version, now())) return { status: 404, data: { subkeys: null, metadata } };
        const data = store.data(fields.get("path"), found.number);
        return { data: { subkeys: data && subkeys(data, fields.get("depth"), 1), metadata } };
      },
    },
  };
}

function versionOf(store: KvStore, fields: Fields) {
  const metadata = store.metadata(fields.get("path"));
  if (metadata === undefined) return undefined;
  const asked: number = fields.get("version");
  const number = asked > 0 ? asked : metadata.currentVersion;
  const version = metadata.versions.get(number);
  return version && { metadata, version, number };
}

/** Returns keys without their values, to the given depth; 0 means all of it. */
function subkeys(data: Data, depth: number, level: number): Data {
  const entries = Object.entries(data).map(([name, value]) => {
    const deeper = isObject(value) && Object.keys(value).length > 0 && (depth === 0 || level < depth);
    return [name, deeper ? subkeys(value, depth, level + 1) : null] as const;
  });
  return Object.fromEntries(entries);
}

const commands: Partial<Record<Operation, string>> = { create: "put", update: "put", read: "get" };

/** Returns the response to a request that treats the engine as one of version 1. */
const refusePath: Handler = ({ path, operation }) => {
  const root = ["metadata", "data", "delete", "undelete", "destroy"].includes(path);
  const command = commands[operation] ?? operation;
  const warning = root
    ? "Non-listing operations on the root of a K/V v2 mount are not supported."
    : `Invalid path for a versioned K/V secrets engine. See the API docs for the appropriate API endpoints to use. If using the OpenBao CLI, use 'bao kv ${command}' for this operation.`;
  return { status: 404, warnings: [warning] };
};

const everyOperation = ["create", "read", "update", "patch", "delete", "list", "scan"] as const;

const invalidPath: Path = {
  pattern: /^/,
  operations: Object.fromEntries(everyOperation.map((operation) => [operation, refusePath])),
};
