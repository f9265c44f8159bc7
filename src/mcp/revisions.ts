/** Revisions that are stateless: each request says its revision and the capabilities of its client. */
export const modernRevisions = ["2026-07-28"] as const;

/** Revisions that begin with `initialize`, the newest first. */
export const legacyRevisions = ["2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"] as const;

/** `modern`: no sessions, no requests of the server. `legacy`: sessions. */
export type Era = "modern" | "legacy";

/** The keys of `_meta` that every modern request has. */
export const metaKeys = {
  protocolVersion: "io.modelcontextprotocol/protocolVersion",
  clientCapabilities: "io.modelcontextprotocol/clientCapabilities",
  clientInfo: "io.modelcontextprotocol/clientInfo",
} as const;

/** Other keys of `_meta` that the modern revision names. */
export const otherMetaKeys = {
  serverInfo: "io.modelcontextprotocol/serverInfo",
  subscriptionId: "io.modelcontextprotocol/subscriptionId",
  logLevel: "io.modelcontextprotocol/logLevel",
} as const;

export function eraOf(revision: string): Era {
  return (modernRevisions as readonly string[]).includes(revision) ? "modern" : "legacy";
}

/** The extension by which servers answer calls with tasks (https://modelcontextprotocol.github.io/ext-tasks/). */
export const tasksExtension = "io.modelcontextprotocol/tasks";
