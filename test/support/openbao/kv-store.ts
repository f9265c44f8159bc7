import { type Data, failure, sorted } from "./logical.ts";

export interface Version {
  createdTime: number;
  /** Time of its deletion, which may be in the future. */
  deletionTime: number | undefined;
  destroyed: boolean;
}

export interface Metadata {
  versions: Map<number, Version>;
  currentVersion: number;
  oldestVersion: number;
  createdTime: number;
  updatedTime: number;
  maxVersions: number;
  casRequired: boolean;
  metadataCasRequired: boolean;
  metadataVersion: number;
  /** Seconds; 0 means never. */
  deleteVersionAfter: number;
  customMetadata: Record<string, string> | null;
}

export interface KvConfig {
  maxVersions: number;
  casRequired: boolean;
  metadataCasRequired: boolean;
  /** Seconds; 0 means never, -1 that no key may have its own. */
  deleteVersionAfter: number;
}

/** The state of one KV version 2 engine. Keys are paths: `mcpctl/sec_1/ver_1`. */
export interface KvStore {
  config: KvConfig;
  metadata(key: string): Metadata | undefined;
  /** Returns the metadata of a key. Makes them, with that time, if there are none. */
  ensure(key: string, at: number): Metadata;
  /** Adds a version, and deletes the oldest if there are too many. */
  add(key: string, data: Data | null): { number: number; version: Version };
  data(key: string, number: number): Data | null;
  /** Deletes the data of a version, and nothing else. */
  forget(key: string, number: number): void;
  /** Deletes a key with all its versions. */
  remove(key: string): void;
  /** Returns the names in a folder: keys, and folders with a slash at the end. */
  list(folder: string): string[];
  /** Returns every key below a folder, as paths from the folder. */
  scan(folder: string): string[];
  /** Returns the time at which a version that is written now is deleted by itself. */
  deletionTime(metadata: Metadata): number | undefined;
}

/** Makes an empty engine with a clock. */
export function kvStore(now: () => number): KvStore {
  const config: KvConfig = {
    maxVersions: 0,
    casRequired: false,
    metadataCasRequired: false,
    deleteVersionAfter: 0,
  };
  const keys = new Map<string, Metadata>();
  // The key here is as it was written; the key of the metadata is the cleaned path.
  const contents = new Map<string, Data | null>();

  const metadata = (key: string) => keys.get(canonical(key));
  const ensure = (key: string, at: number): Metadata => {
    const existing = metadata(key);
    if (existing) return existing;
    const made: Metadata = {
      versions: new Map(),
      currentVersion: 0,
      oldestVersion: 0,
      createdTime: at,
      updatedTime: at,
      maxVersions: 0,
      casRequired: false,
      metadataCasRequired: false,
      metadataVersion: 0,
      deleteVersionAfter: 0,
      customMetadata: null,
    };
    keys.set(canonical(key), made);
    return made;
  };
  const forget = (key: string, number: number) => void contents.delete(`${key}|${number}`);
  const deletionTime = ({ deleteVersionAfter }: Metadata) => {
    if (config.deleteVersionAfter === -1) return undefined;
    const shortest = Math.min(
      ...[config.deleteVersionAfter, deleteVersionAfter].filter((seconds) => seconds > 0),
    );
    return Number.isFinite(shortest) ? now() + shortest * 1000 : undefined;
  };

  return {
    config,
    metadata,
    ensure,
    forget,
    deletionTime,
    add(key, data) {
      const createdTime = now();
      const meta = ensure(key, createdTime);
      const version: Version = { createdTime, deletionTime: deletionTime(meta), destroyed: false };
      meta.currentVersion++;
      meta.versions.set(meta.currentVersion, version);
      meta.updatedTime = createdTime;
      contents.set(`${key}|${meta.currentVersion}`, structuredClone(data));
      const kept = Math.max(meta.maxVersions, config.maxVersions) || 10;
      if (meta.currentVersion - meta.oldestVersion >= kept) {
        for (let number = meta.oldestVersion; number <= meta.currentVersion - kept; number++) {
          meta.versions.delete(number);
          forget(key, number);
        }
        meta.oldestVersion = meta.currentVersion - kept + 1;
      }
      return { number: meta.currentVersion, version };
    },
    data(key, number) {
      const data = contents.get(`${key}|${number}`);
      if (data === undefined) throw failure(500, "could not find version data");
      return structuredClone(data);
    },
    remove(key) {
      for (const number of metadata(key)?.versions.keys() ?? []) forget(key, number);
      keys.delete(canonical(key));
    },
    list: (folder) => inFolder(keys.keys(), canonical(folder)),
    scan(folder) {
      const walk = (path: string): string[] => {
        const entries = inFolder(keys.keys(), path).map((entry) => path + entry);
        const here = entries.filter((entry) => !entry.endsWith("/"));
        return [...here, ...entries.filter((entry) => entry.endsWith("/")).flatMap(walk)];
      };
      const start = folderOf(canonical(folder));
      return walk(start).map((entry) => entry.slice(start.length));
    },
  };
}

/** True if a version has been deleted or destroyed. */
export function gone({ destroyed, deletionTime }: Version, now: number): boolean {
  return destroyed || (deletionTime !== undefined && deletionTime < now);
}

/** Returns a clean path: `a//b`, `/a/b` and `a/b/` become `a/b`. */
function canonical(key: string): string {
  return key
    .split("/")
    .filter((part) => part !== "")
    .join("/");
}

function folderOf(path: string): string {
  return path === "" || path.endsWith("/") ? path : `${path}/`;
}

/** Returns the names that are directly in a folder, of the given paths. Folders end with a slash. */
export function inFolder(paths: Iterable<string>, folder: string): string[] {
  const start = folderOf(folder);
  const names = new Set<string>();
  for (const path of paths) {
    if (!path.startsWith(start)) continue;
    const rest = path.slice(start.length);
    const slash = rest.indexOf("/");
    names.add(slash < 0 ? rest : rest.slice(0, slash + 1));
  }
  return sorted(names);
}
