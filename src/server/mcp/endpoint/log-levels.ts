import { isObject, type JsonObject, type RpcNotification } from "../../../mcp/messages.ts";
import { otherMetaKeys } from "../../../mcp/revisions.ts";

/** Levels of log messages, the least important first (RFC 5424). */
const levels = ["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"];

export function isLogLevel(value: unknown): value is string {
  return levels.includes(value as string);
}

/** Returns the level that a modern request asks for. */
export function logLevelIn({ _meta: meta }: JsonObject): string | undefined {
  const level = isObject(meta) ? meta[otherMetaKeys.logLevel] : undefined;
  return isLogLevel(level) ? level : undefined;
}

/**
 * True if a client wants a notification that belongs to its request. A modern client gets log messages only if it asks
 * for them; a legacy client gets all until it sets a level.
 */
export function isWanted(
  { method, params = {} }: RpcNotification,
  { era, logLevel }: { era: "legacy" | "modern"; logLevel: string | undefined },
): boolean {
  if (method !== "notifications/message") return true;
  if (logLevel === undefined) return era === "legacy";
  return levels.indexOf(String(params["level"])) >= levels.indexOf(logLevel);
}
