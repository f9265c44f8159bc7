import { type Fields, goDuration } from "./decode.ts";
import type { Backend, Handler, Path } from "./framework.ts";
import { type KvConfig, type KvStore, kvStore, type Metadata, type Version } from "./kv-store.ts";
import { isObject, patchData, patchMetadata, writeConfig, writeData, writeMetadata } from "./kv-write.ts";
import { type Data, listResponse, type Operation, Refusal, timestamp } from "./logical.ts";

/** A KV version 2 engine. */
export function kvBackend(now: () => number): Backend {
  const store = kvStore(now);
  const exists = (fields: Fields) => store.metadata(fields.get("path")) !== undefined;
  const write = writeData(store);
  const changeMetadata = writeMetadata(store, now);
  const configure = writeConfig(store.config);
  const listing = (folder: (path: string) => string[]): Handler => {
    return ({ path }, fields) => {
      const [limit, after] = [fields.get("limit"), fields.get("after")];
      const keys = folder(fields.get("path")).filter((key) => after === "" || key > after);
      const page = limit > 0 ? keys.slice(0, limit) : keys;
      const response = listResponse(page);
      if (!path.startsWith("detailed-metadata/") || page.length === 0) return response;
      const info = page.map((key) => {
        const metadata = key.endsWith("/") ? undefined : store.metadata(`${fields.get("path")}/${key}`);
        return [key, metadata ? shown(metadata) : {}];
      });
      return { data: { keys: page, key_info: Object.fromEntries(info) } };
    };
  };
  const lists = { list: listing(store.list), scan: listing(store.scan) };

  const ofVersions = (
    prefix: string,
    missing: string,
    change: (version: Version, key: string, number: number) => void,
  ): Path => {
    const handler: Handler = (_, fields) => {
      const versions: number[] = fields.get("versions");
      if (versions.length === 0) throw new Refusal(400, missing);
      const key: string = fields.get("path");
      for (const number of versions) {
        const version = store.metadata(key)?.versions.get(number);
        if (version !== undefined && !version.destroyed) change(version, key, number);
      }
    };
    return {
      pattern: new RegExp(`^${prefix}/(?<path>.*)$`),
      fields: { path: "string", versions: "comma ints" },
      operations: { create: handler, update: handler },
    };
  };

  return {
    paths: [
      {
        pattern: /^config$/,
        fields: {
          max_versions: "int",
          cas_required: "bool",
          metadata_cas_required: "bool",
          delete_version_after: "signed seconds",
        },
        operations: {
          read: () => ({ data: shownConfig(store.config) }),
          create: configure,
          update: configure,
        },
      },
      {
        pattern: /^data\/(?<path>.*)$/,
        fields: { path: "string", version: "int", options: "map", data: "map" },
        exists,
        operations: {
          create: write,
          update: write,
          read: (_, fields) => {
            const found = versionOf(store, fields);
            if (found === undefined) return undefined;
            const { metadata, version, number } = found;
            const about = shownVersion(metadata, version, number);
            if (gone(version, now())) return { status: 404, data: { data: null, metadata: about } };
            return { data: { data: store.data(fields.get("path"), number), metadata: about } };
          },
          patch: patchData(store, now),
          delete: (_, fields) => {
            const metadata = store.metadata(fields.get("path"));
            const version = metadata?.versions.get(metadata.currentVersion);
            if (version !== undefined && !gone(version, now())) version.deletionTime = now();
          },
        },
      },
      metadataPath("metadata", {
        ...lists,
        create: changeMetadata,
        update: changeMetadata,
        patch: patchMetadata(store, now),
        read: (_, fields) => {
          const metadata = store.metadata(fields.get("path"));
          return metadata && { data: shown(metadata) };
        },
        delete: (_, fields) => store.remove(fields.get("path")),
      }),
      metadataPath("detailed-metadata", lists),
      ofVersions("destroy", "no version number provided", (version, key, number) => {
        version.destroyed = true;
        store.forget(key, number);
      }),
      {
        pattern: /^subkeys\/(?<path>.*)$/,
        fields: { path: "string", depth: "int", version: "int" },
        operations: {
          read: (_, fields) => {
            const found = versionOf(store, fields);
            if (found === undefined) return undefined;
            const about = shownVersion(found.metadata, found.version, found.number);
            if (gone(found.version, now())) return { status: 404, data: { subkeys: null, metadata: about } };
            const data = store.data(fields.get("path"), found.number);
            return { data: { subkeys: data && subkeys(data, fields.get("depth"), 1), metadata: about } };
          },
        },
      },
      ofVersions("delete", "No version number provided", (version) => {
        if (!gone(version, now())) version.deletionTime = now();
      }),
      ofVersions("undelete", "No version number provided", (version, key) => {
        version.deletionTime = store.deletionTime(store.metadata(key)!);
      }),
      invalidPath,
    ],
  };

  function metadataPath(prefix: string, operations: Path["operations"]): Path {
    const written: Path["fields"] = {
      cas_required: "bool",
      metadata_cas_required: "bool",
      max_versions: "int",
      delete_version_after: "seconds",
      custom_metadata: "map",
      metadata_cas: "int",
    };
    return {
      pattern: new RegExp(`^${prefix}/(?<path>.*)$`),
      fields: { path: "string", after: "string", limit: "int", ...(prefix === "metadata" && written) },
      exists,
      operations,
    };
  }
}

/** Whether a version has been deleted or destroyed. */
export function gone({ destroyed, deletionTime }: Version, now: number): boolean {
  return destroyed || (deletionTime !== undefined && deletionTime < now);
}

function versionOf(store: KvStore, fields: Fields) {
  const metadata = store.metadata(fields.get("path"));
  if (metadata === undefined) return undefined;
  const asked: number = fields.get("version");
  const number = asked > 0 ? asked : metadata.currentVersion;
  const version = metadata.versions.get(number);
  return version && { metadata, version, number };
}

/** A version as answers show it. */
export function shownVersion(metadata: Metadata, version: Version, number: number): Data {
  return { ...shownTimes(version), custom_metadata: metadata.customMetadata, version: number };
}

function shownTimes({ createdTime, deletionTime, destroyed }: Version): Data {
  return {
    created_time: timestamp(createdTime),
    deletion_time: deletionTime === undefined ? "" : timestamp(deletionTime),
    destroyed,
  };
}

function shown(metadata: Metadata): Data {
  return {
    cas_required: metadata.casRequired,
    created_time: timestamp(metadata.createdTime),
    current_metadata_version: metadata.metadataVersion,
    current_version: metadata.currentVersion,
    custom_metadata: metadata.customMetadata,
    delete_version_after: goDuration(metadata.deleteVersionAfter),
    max_versions: metadata.maxVersions,
    metadata_cas_required: metadata.metadataCasRequired,
    oldest_version: metadata.oldestVersion,
    updated_time: timestamp(metadata.updatedTime),
    versions: Object.fromEntries([...metadata.versions].map(([number, one]) => [number, shownTimes(one)])),
  };
}

function shownConfig(config: KvConfig): Data {
  return {
    cas_required: config.casRequired,
    delete_version_after: goDuration(config.deleteVersionAfter),
    max_versions: config.maxVersions,
    metadata_cas_required: config.metadataCasRequired,
  };
}

/** The keys alone, as deep as was asked for; 0 is all the way. */
function subkeys(data: Data, depth: number, level: number): Data {
  const entries = Object.entries(data).map(([name, value]) => {
    const deeper = isObject(value) && Object.keys(value).length > 0 && (depth === 0 || level < depth);
    return [name, deeper ? subkeys(value, depth, level + 1) : null] as const;
  });
  return Object.fromEntries(entries);
}

const commands: Partial<Record<Operation, string>> = { create: "put", update: "put", read: "get" };

/** What somebody gets who takes the engine for one of version 1. */
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
