import { isObject, type JsonObject } from "../messages.ts";
import { RpcError, rpcCodes } from "../rpc-error.ts";
import type { Upstream } from "./upstream.ts";

/** Everything that a server offers, as it describes it. */
export interface ServerListing {
  tools: JsonObject[];
  prompts: JsonObject[];
  resources: JsonObject[];
  resourceTemplates: JsonObject[];
}

/** The most entries of one list of a server, and the most pages that are read of it. */
const maxEntries = 2000;
const maxPages = 100;

const lists = {
  tools: { method: "tools/list", capability: "tools" },
  prompts: { method: "prompts/list", capability: "prompts" },
  resources: { method: "resources/list", capability: "resources" },
  resourceTemplates: { method: "resources/templates/list", capability: "resources" },
} as const;

/**
 * Reads all lists of a server. A list that the server does not declare, or does not know, is empty.
 *
 * @throws McpFailure if the server gives no answer; RpcError if it refuses
 */
export async function readListing(
  upstream: Upstream,
  timeout: number,
  signal?: AbortSignal,
): Promise<ServerListing> {
  const listing: ServerListing = { tools: [], prompts: [], resources: [], resourceTemplates: [] };
  for (const name of Object.keys(lists) as (keyof typeof lists)[]) {
    const { method, capability } = lists[name];
    if (upstream.has(capability)) listing[name] = await readList(upstream, method, name, timeout, signal);
  }
  return listing;
}

async function readList(
  upstream: Upstream,
  method: string,
  field: string,
  timeout: number,
  signal: AbortSignal | undefined,
): Promise<JsonObject[]> {
  const entries: JsonObject[] = [];
  let cursor: string | undefined;
  for (let page = 0; page < maxPages && entries.length < maxEntries; page++) {
    let result: JsonObject;
    try {
      result = await upstream.request(method, cursor === undefined ? {} : { cursor }, { timeout, signal });
    } catch (error) {
      if (error instanceof RpcError && error.code === rpcCodes.methodNotFound) return entries;
      throw error;
    }
    const list = result[field];
    if (Array.isArray(list)) entries.push(...list.filter(isObject));
    const next = result["nextCursor"];
    // A server that gives the same cursor again would never end.
    if (typeof next !== "string" || next === cursor) break;
    cursor = next;
  }
  return entries.slice(0, maxEntries);
}
