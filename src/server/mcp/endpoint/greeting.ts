import type { JsonObject } from "../../../mcp/messages.ts";
import { legacyRevisions, modernRevisions } from "../../../mcp/revisions.ts";
import { version } from "../../../version.ts";
import type { ProjectRow } from "../../core/store/typed-rows.ts";

/** The capabilities of every project. Servers come and go while clients are connected, so they do not depend on them. */
const capabilities = {
  tools: { listChanged: true },
  prompts: { listChanged: true },
  resources: { listChanged: true, subscribe: true },
  completions: {},
  logging: {},
};

/** Returns what clients learn about a project when they connect. */
function greeting({ name, spec }: ProjectRow): JsonObject {
  return {
    capabilities,
    serverInfo: { name: "mcpctl", version: version.version, title: name },
    ...(spec.prompt !== "" && { instructions: spec.prompt }),
  };
}

/** Returns the result of `initialize`: in the client's revision, or in the newest one if that is not known. */
export function initialized(project: ProjectRow, requested: unknown): JsonObject {
  const known = (legacyRevisions as readonly unknown[]).includes(requested);
  return { protocolVersion: known ? requested : legacyRevisions[0], ...greeting(project) };
}

/** Returns the result of `server/discover`. */
export function discovered(project: ProjectRow): JsonObject {
  const { serverInfo, ...facts } = greeting(project);
  return {
    resultType: "complete",
    supportedVersions: [...modernRevisions, ...legacyRevisions],
    ...facts,
    _meta: { "io.modelcontextprotocol/serverInfo": serverInfo },
    ttlMs: 60_000,
    cacheScope: "private",
  };
}
