import { createHash } from "node:crypto";
import { eachInTurns, TurnPace } from "../../../wire/next-turn.ts";
import { oncePerObject } from "../once-per-object.ts";
import type { McpDefinition, McpServerStatus, PinnedDefinition } from "../store/mcp-status.ts";

/** The lists of an MCP server, by the fields of its status. */
export type McpLists = Pick<
  McpServerStatus,
  "tools" | "prompts" | "resources" | "resourceTemplates" | "instructions"
>;

/** A definition that differs from the accepted one (T139). */
export interface DefinitionChange {
  /** `tool/NAME`, `prompt/NAME` or `instructions` */
  key: string;
  /** The accepted definition. */
  before: McpDefinition;
  /** The present definition. */
  after: McpDefinition;
  /** The hash of the present definition. */
  hash: string;
}

/** The parts of a definition that a model reads or that decide about a call. A change of others is none. */
const pinnedFields = [
  "name",
  "title",
  "description",
  "inputSchema",
  "outputSchema",
  "annotations",
  "arguments",
];

/** The most definitions that are remembered beyond those that are listed, and the bytes of their JSON. */
const mostGone = { count: 1000, bytes: 1024 * 1024 };

/**
 * Returns the status of an MCP server after it has listed what it has. Definitions that come for the first time are
 * accepted. One that is accepted and differs now stays as it was accepted, until it is the same again or `approved`.
 *
 * @param acceptsAll true if the server may change its definitions by itself
 */
export function withLists(before: McpServerStatus, lists: McpLists, acceptsAll: boolean): McpServerStatus {
  const { tools: _t, prompts: _p, resources: _r, resourceTemplates: _x, instructions: _i, ...rest } = before;
  const status: McpServerStatus = { ...rest, ...lists };
  const was = new Map(definitionsIn(before));
  const baseline: Record<string, PinnedDefinition> = {};
  for (const [key, definition] of definitionsIn(status)) {
    const hash = pinnedHash(definition);
    const pin = acceptsAll ? undefined : before.baseline?.[key];
    if (!pin || pin.hash === hash) baseline[key] = { hash };
    else baseline[key] = { hash: pin.hash, definition: pin.definition ?? was.get(key) ?? {} };
  }
  // A tool that is left out once and comes back as another one has changed, too.
  const gone = Object.entries(before.baseline ?? {}).filter(([key]) => !Object.hasOwn(baseline, key));
  const kept: [string, PinnedDefinition][] = [];
  let room = mostGone.bytes;
  // The oldest ones come last, and stay: new names do not push them out.
  for (const [key, { hash, definition = was.get(key) }] of gone.slice(-mostGone.count).reverse()) {
    room -= definition ? Buffer.byteLength(JSON.stringify(definition)) : 0;
    // Without room the hash alone stays, which still shows a change.
    kept.push([key, { hash, ...(definition && room >= 0 && { definition }) }]);
  }
  Object.assign(baseline, Object.fromEntries(kept.reverse()));
  return { ...status, baseline };
}

/**
 * Computes the hashes of definitions that `withLists` needs next, in several turns of the event loop: those of thousands of tools
 * take a tenth of a second (T364).
 */
export function hashInTurns({ tools = [], prompts = [] }: McpLists): Promise<void> {
  return eachInTurns([...tools, ...prompts], (one) => pinnedHash(pinnedPart(one)), new TurnPace(), 4);
}

/** Returns the definitions that differ from the accepted ones, in the order of the lists. */
export function changesIn(status: McpServerStatus): DefinitionChange[] {
  if (!Object.values(status.baseline ?? {}).some(({ definition }) => definition)) return [];
  return definitionsIn(status).flatMap(([key, after]) => {
    const before = status.baseline?.[key]?.definition;
    return before ? [{ key, before, after, hash: pinnedHash(after) }] : [];
  });
}

/** Returns the status with some changes accepted, by their keys. */
export function approved(status: McpServerStatus, keys: readonly string[]): McpServerStatus {
  const accepted = changesIn(status).filter(({ key }) => keys.includes(key));
  const pins = Object.fromEntries(accepted.map(({ key, hash }) => [key, { hash }]));
  return { ...status, baseline: { ...status.baseline, ...pins } };
}

/** Returns the pinned parts of every definition, by key. Of two of one name the last one counts, as for a map. */
function definitionsIn({
  tools = [],
  prompts = [],
  instructions,
}: McpServerStatus): [string, McpDefinition][] {
  const named = (kind: string, list: readonly McpDefinition[]) =>
    list.map((one): [string, McpDefinition] => [`${kind}/${String(one["name"])}`, pinnedPart(one)]);
  return [
    ...named("tool", tools),
    ...named("prompt", prompts),
    ...(instructions === undefined ? [] : [["instructions", { instructions }] as [string, McpDefinition]]),
  ];
}

const pinnedPart = oncePerObject(
  (definition: McpDefinition): McpDefinition =>
    Object.fromEntries(
      pinnedFields.filter((field) => field in definition).map((field) => [field, definition[field]]),
    ),
);

const hashes = oncePerObject((pinned: McpDefinition) => ({ hash: hashOf(pinned) }));

/** Returns the hash of the pinned part of a definition. */
function pinnedHash(pinned: McpDefinition): string {
  return hashes(pinned).hash;
}

/** Returns the SHA-256 of the canonical JSON of an object, in hex. */
export function hashOf(definition: Readonly<Record<string, unknown>>): string {
  return createHash("sha256").update(canonical(definition)).digest("hex");
}

/** Returns JSON whose keys are sorted, so that another order of keys is no change (RFC 8785 without its number forms). */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "null";
  const entries = Object.entries(value)
    .filter(([, inner]) => inner !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([key, inner]) => `${JSON.stringify(key)}:${canonical(inner)}`).join(",")}}`;
}
