import type { EndSignal } from "../../end-signal.ts";
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

/** The lists of a server, as far as they were read. */
export interface ReadListing extends ServerListing {
  /** The number of entries that are not in the lists: too many, too large, or no objects. */
  leftOut: number;
}

/** Limits of lists, which are kept with the server's row and sent to clients. */
const limits = {
  /** Entries of one list, and pages that are read of it. */
  entries: 2000,
  pages: 100,
  /** Bytes of JSON: of one entry, and of all lists together. */
  entryBytes: 256 * 1024,
  totalBytes: 4 * 1024 * 1024,
  /** Arrays and objects within each other. */
  depth: 64,
};

const lists = {
  tools: { method: "tools/list", capability: "tools", key: "name" },
  prompts: { method: "prompts/list", capability: "prompts", key: "name" },
  resources: { method: "resources/list", capability: "resources", key: "uri" },
  resourceTemplates: { method: "resources/templates/list", capability: "resources", key: "uriTemplate" },
} as const;

/**
 * Reads all lists of a server. A list that the server does not declare, or does not know, is empty. A hostile server can
 * list without end: what is beyond the limits is left out, and is counted.
 *
 * @throws McpFailure if the server gives no answer; RpcError if it refuses
 */
export async function readListing(
  upstream: Upstream,
  timeout: number,
  signal?: EndSignal,
): Promise<ReadListing> {
  const listing: ReadListing = { tools: [], prompts: [], resources: [], resourceTemplates: [], leftOut: 0 };
  const room = { bytes: limits.totalBytes };
  for (const name of Object.keys(lists) as (keyof typeof lists)[]) {
    const { method, capability, key } = lists[name];
    if (!upstream.has(capability)) continue;
    const entries = listing[name];
    for await (const entry of entriesOf(upstream, method, name, timeout, signal)) {
      const text = isObject(entry) && isNestedWithin(entry, limits.depth) ? JSON.stringify(entry) : undefined;
      const bytes = text === undefined ? 0 : Buffer.byteLength(text);
      if (
        text === undefined ||
        bytes > Math.min(limits.entryBytes, room.bytes) ||
        entries.length >= limits.entries
      ) {
        listing.leftOut++;
        continue;
      }
      // As it is kept: with integers of any length as numbers, and whole characters.
      const kept = JSON.parse(withWholeCharacters(text)) as JsonObject;
      // It could not be called by another name.
      if (kept[key] !== (entry as JsonObject)[key]) {
        listing.leftOut++;
        continue;
      }
      room.bytes -= bytes;
      entries.push(kept);
    }
  }
  return listing;
}

async function* entriesOf(
  upstream: Upstream,
  method: string,
  field: string,
  timeout: number,
  signal: EndSignal | undefined,
): AsyncGenerator<unknown> {
  let cursor: string | undefined;
  for (let page = 0; page < limits.pages; page++) {
    let result: JsonObject;
    try {
      result = await upstream.request(method, cursor === undefined ? {} : { cursor }, { timeout, signal });
    } catch (error) {
      if (error instanceof RpcError && error.code === rpcCodes.methodNotFound) return;
      throw error;
    }
    const list = result[field];
    if (Array.isArray(list)) yield* list;
    const next = result["nextCursor"];
    // A server that gives the same cursor again would never end.
    if (typeof next !== "string" || next === cursor) return;
    cursor = next;
  }
}

/**
 * Returns JSON with U+FFFD in place of U+0000, and of half a character, as programs write that cut a text anywhere. No
 * database stores them (failure mode 291).
 */
function withWholeCharacters(text: string): string {
  if (!/\\u(?:0000|d[89a-f])/.test(text)) return text;
  // Each escape is taken as a whole: `\\ud800` is a backslash and some letters.
  return text.replace(/\\(?:u(?:0000|d[89a-f][\da-f]{2})|.)/g, (one) => (one.length > 2 ? "\uFFFD" : one));
}

function isNestedWithin(value: unknown, depth: number): boolean {
  if (typeof value !== "object" || value === null) return true;
  return depth > 0 && Object.values(value).every((inner) => isNestedWithin(inner, depth - 1));
}
