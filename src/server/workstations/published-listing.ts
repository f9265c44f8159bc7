import type { Fault } from "../../errors.ts";
import { forbiddenKeys } from "../../kinds/validate.ts";
import { isObject } from "../../wire/json.ts";
import { listingLimits, type PublishedMcpServer } from "../../wire/link/registration.ts";
import type { McpLists } from "../core/catalogue/mcp-pins.ts";

/** The facts that an agent tells about an MCP server that it publishes. */
export interface PublishedFacts {
  reported: PublishedMcpServer["status"];
  /** A text that stays the same as long as its program and arguments do; undefined if the agent sends none. */
  source: string | undefined;
  /** Undefined while they are not known. */
  lists: McpLists | undefined;
  protocol: string | undefined;
}

/** The lists of a registration, and the field by which each entry is called. */
const lists = {
  tools: "name",
  prompts: "name",
  resources: "uri",
  resourceTemplates: "uriTemplate",
} as const;

const statuses: readonly unknown[] = ["ready", "starting", "failed"] satisfies PublishedMcpServer["status"][];

/** The most entries of one list, characters of a name or URI, of the instructions, and of `source` and `protocol`. */
const limits = { entries: 2000, name: 2000, instructions: 100_000, short: 200 };

/** Checks the facts about a published MCP server. Its definitions stay as they were sent. */
export function factsIn(path: string, sent: Record<string, unknown>, faults: Fault[]): PublishedFacts {
  const { status, listing, source } = sent;
  const fault = (field: string, message: string) => faults.push({ path: `${path}${field}`, message });
  if (!statuses.includes(status)) fault("/status", 'must be "ready", "starting" or "failed"');
  const facts: PublishedFacts = {
    reported: status as PublishedMcpServer["status"],
    source: shortText("/source", source, fault),
    lists: undefined,
    protocol: undefined,
  };
  if (listing === undefined || listing === null) return facts;
  if (!isObject(listing)) {
    fault("/listing", "must be an object");
    return facts;
  }
  for (const key of forbiddenKeys(listing)) fault(`/listing${key}`, "is not allowed as a name");
  if (JSON.stringify(listing).length > listingLimits.one)
    fault("/listing", `must have at most ${listingLimits.one} characters`);
  const read = Object.entries(lists).map(([field, key]) => [
    field,
    listIn(`/listing/${field}`, listing[field], key, fault),
  ]);
  const { instructions, protocol } = listing;
  if (typeof instructions === "string" && instructions.length > limits.instructions)
    fault("/listing/instructions", `must have at most ${limits.instructions} characters`);
  facts.lists = {
    ...(Object.fromEntries(read) as McpLists),
    ...(typeof instructions === "string" && { instructions }),
  };
  facts.protocol = shortText("/listing/protocol", protocol, fault);
  return facts;
}

type AddFault = (field: string, message: string) => void;

function listIn(path: string, list: unknown, key: string, fault: AddFault): Record<string, unknown>[] {
  if (list === undefined || list === null) return [];
  const entries: unknown[] = Array.isArray(list) ? list : [undefined];
  const isEntry = (one: unknown): one is Record<string, unknown> => {
    const name = isObject(one) ? one[key] : undefined;
    return typeof name === "string" && name !== "" && name.length <= limits.name && !name.includes("\0");
  };
  if (entries.length <= limits.entries && entries.every(isEntry)) return entries;
  fault(path, `must be a list of at most ${limits.entries} objects, each with a ${key}`);
  return [];
}

function shortText(path: string, text: unknown, fault: AddFault): string | undefined {
  if (text === undefined || text === null) return undefined;
  if (typeof text === "string" && text.length <= limits.short && !text.includes("\0")) return text;
  fault(path, `must be a string of at most ${limits.short} characters`);
  return undefined;
}
