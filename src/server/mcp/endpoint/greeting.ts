import type { JsonObject } from "../../../mcp/messages.ts";
import { legacyRevisions, modernRevisions, otherMetaKeys, tasksExtension } from "../../../mcp/revisions.ts";
import { version } from "../../../version.ts";
import type { ProjectRow } from "../../core/store/typed-rows.ts";

/** The capabilities of every project. Servers come and go while clients are connected, so they do not depend on them. */
export const capabilities = {
  tools: { listChanged: true },
  prompts: { listChanged: true },
  resources: { listChanged: true, subscribe: true },
  completions: {},
  logging: {},
};

/** The `_meta` of results that mcpctl makes itself. */
export function serverMeta({ name }: ProjectRow): JsonObject {
  return { [otherMetaKeys.serverInfo]: serverInfo(name) };
}

function serverInfo(title: string): JsonObject {
  return { name: "mcpctl", version: version.version, title };
}

/** @param first the sentence that tells what to call first, if there is something to call */
function instructionsOf({ spec }: ProjectRow, first: string | undefined): JsonObject {
  // The sentence stands first: some clients cut long instructions off.
  const instructions = [first, spec.prompt].filter(Boolean).join("\n\n");
  return instructions === "" ? {} : { instructions };
}

/** Returns the result of `initialize`: in the client's revision, or in the newest one if that is not known. */
export function initialized(
  project: ProjectRow,
  requested: unknown,
  first?: string,
): JsonObject & { protocolVersion: string } {
  const known = legacyRevisions.find((revision) => revision === requested);
  return {
    protocolVersion: known ?? legacyRevisions[0],
    capabilities,
    serverInfo: serverInfo(project.name),
    ...instructionsOf(project, first),
  };
}

/** Returns the result of `server/discover`. */
export function discovered(project: ProjectRow, first?: string): JsonObject {
  return {
    resultType: "complete",
    supportedVersions: [...modernRevisions, ...legacyRevisions],
    capabilities: { ...capabilities, extensions: { [tasksExtension]: {} } },
    ...instructionsOf(project, first),
    _meta: serverMeta(project),
    ttlMs: 60_000,
    cacheScope: "private",
  };
}
