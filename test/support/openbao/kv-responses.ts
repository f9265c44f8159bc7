import { goDuration } from "./decode.ts";
import type { KvConfig, Metadata, Version } from "./kv-store.ts";
import { type Data, timestamp } from "./logical.ts";

/** Returns a version as responses show it. */
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

/** Returns a key's metadata as responses show them. */
export function shown(metadata: Metadata): Data {
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

/** Returns an engine's configuration as responses show it. */
export function shownConfig(config: KvConfig): Data {
  return {
    cas_required: config.casRequired,
    delete_version_after: goDuration(config.deleteVersionAfter),
    max_versions: config.maxVersions,
    metadata_cas_required: config.metadataCasRequired,
  };
}
