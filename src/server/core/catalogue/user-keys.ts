import type { McpServerRow } from "../store/typed-rows.ts";

/**
 * Returns the names of the keys that each user of an MCP server gives, in the order of its fields. A key is marked if it
 * is sent in a header.
 */
export function userKeysOf({ env = [], headers = [] }: Pick<McpServerRow["spec"], "env" | "headers">) {
  const keys = new Map<string, { isHeader: boolean }>();
  for (const { valueFrom } of env)
    if (valueFrom?.userKey !== undefined) keys.set(valueFrom.userKey, { isHeader: false });
  for (const { valueFrom } of headers)
    if (valueFrom?.userKey !== undefined) keys.set(valueFrom.userKey, { isHeader: true });
  return keys;
}

/** True if each user of an MCP server gives keys of their own. */
export function hasUserKeys(spec: Pick<McpServerRow["spec"], "env" | "headers">): boolean {
  return userKeysOf(spec).size > 0;
}
