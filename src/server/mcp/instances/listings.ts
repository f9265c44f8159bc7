import { isObject } from "../../../mcp/messages.ts";
import type { ReadListing } from "../../../mcp/upstream/listing.ts";
import type { McpServerFacts } from "../../../mcp/upstream/upstream.ts";
import { hashInTurns, withLists } from "../../core/catalogue/mcp-pins.ts";
import { isAnotherServer } from "../../core/catalogue/mcp-rights.ts";
import { hasUserKeys } from "../../core/catalogue/user-keys.ts";
import type { McpCondition, McpDefinition, McpServerStatus } from "../../core/store/mcp-status.ts";
import type { McpServerRow } from "../../core/store/typed-rows.ts";
import type { RowStatuses } from "./row-statuses.ts";
import type { StartFailure } from "./start-problem.ts";

/** The most characters of the instructions of a server. */
const maxInstructions = 64 * 1024;

export interface ListedServer {
  listing: ReadListing;
  facts: McpServerFacts;
  /** Facts about the start, such as a missing sandbox. */
  conditions: readonly McpCondition[];
  /** RFC 3339. */
  at: string;
  /** True for a server of which callers have instances of their own: their lists may differ, and none hides the others. */
  isShared: boolean;
}

/** Returns the status of a server after it has listed what it has. */
export function listedStatus({ spec, status }: McpServerRow, listed: ListedServer): McpServerStatus {
  const { listing, facts, at, isShared } = listed;
  const instructions = facts.instructions?.slice(0, maxInstructions);
  const own = {
    tools: named(listing.tools, "name"),
    prompts: named(listing.prompts, "name"),
    resources: named(listing.resources, "uri"),
    resourceTemplates: named(listing.resourceTemplates, "uriTemplate"),
  };
  const countOf = (some: Lists) => Object.values(some).reduce((sum, list) => sum + list.length, 0);
  const { leftOut: unread, ...all } = listing;
  const leftOut = unread + countOf(all) - countOf(own);
  const lists = isShared || status.listedAt === undefined ? own : together(status, own);
  const told = { ...lists, ...(instructions !== undefined && { instructions }) };
  const tooLarge = {
    type: "ListingTooLarge",
    message: `${leftOut} entries of its lists are left out: too many, too large, without a name, or with that of another one`,
  };
  const { state: _, ...before } = status;
  return {
    ...withLists(before, told, spec.toolChanges === "allow"),
    conditions: [...listed.conditions, ...(leftOut > 0 ? [tooLarge] : [])],
    protocol: facts.revision,
    listedAt: at,
  };
}

/**
 * Keeps what a server listed with its row, so that projects can offer it while the server is stopped. An instance of the
 * server that the row described before, which may finish its calls, lists nothing of this one (T345).
 *
 * @param server the row with which the instance was started
 */
export async function keepListing(
  rows: RowStatuses,
  server: McpServerRow,
  listed: ListedServer,
): Promise<void> {
  await hashInTurns(listed.listing);
  await rows.change(server.id, (row) => {
    if (isAnotherServer(server, row)) return row.status;
    const status = listedStatus(row, listed);
    // Lists that are as they were are no write.
    const isSame = Bun.deepEquals({ ...status, listedAt: row.status.listedAt }, row.status);
    return isSame ? row.status : status;
  });
}

/**
 * Returns the status of a server after a failed start. That of an instance that callers have of their own says nothing of
 * those of others, which may run: a server that was listed stays offered (failure mode 255). A fault of the server's fields
 * or of the host is told to everybody, but no refusal and no words of the caller's program.
 *
 * @param ofCaller true for an instance that callers have of their own
 */
export function failedStatus(
  { spec, status }: McpServerRow,
  { type, message, isFinal }: StartFailure,
  ofCaller: boolean,
): McpServerStatus {
  const conditions = [{ type, message }];
  if (ofCaller && type === "NeedsAuthorization") return status;
  if (ofCaller && status.listedAt !== undefined)
    return hasUserKeys(spec) || !isFinal || type === "Unauthorized" ? status : { ...status, conditions };
  const { state: _, ...others } = status;
  return { ...others, ...(isFinal && { state: "failed" as const }), conditions };
}

/** True if the tools that a server lists are not those that are kept. */
export function hasOtherTools({ status }: McpServerRow, tools: readonly unknown[], isAll: boolean): boolean {
  const kept = new Map((status.tools ?? []).map((tool) => [tool["name"], tool]));
  // A tool that is left out is asked about again at each check, which writes nothing.
  if (isAll && kept.size !== tools.length) return true;
  return tools.some((tool) => !isObject(tool) || !Bun.deepEquals(kept.get(tool["name"]), tool));
}

type Lists = Required<Pick<McpServerStatus, "tools" | "prompts" | "resources" | "resourceTemplates">>;

/** Returns the entries that have a name of their own. Of two with one name the first counts. */
function named(entries: readonly McpDefinition[], key: string): McpDefinition[] {
  const seen = new Set<unknown>();
  return entries.filter(({ [key]: name }) => {
    const isNew = typeof name === "string" && !seen.has(name);
    seen.add(name);
    return isNew;
  });
}

/** Returns new lists with the entries of old ones that they do not have. */
function together(old: McpServerStatus, next: Lists): Lists {
  const merged = (field: keyof Lists, key: string) => {
    const names = new Set(next[field].map((entry) => entry[key]));
    return [...next[field], ...(old[field] ?? []).filter((entry) => !names.has(entry[key]))];
  };
  return {
    tools: merged("tools", "name"),
    prompts: merged("prompts", "name"),
    resources: merged("resources", "uri"),
    resourceTemplates: merged("resourceTemplates", "uriTemplate"),
  };
}
