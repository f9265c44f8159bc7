import { usableDefinition } from "../../../mcp/usable/definition.ts";
import { type AttachmentRow, attachmentsOf } from "../../core/catalogue/attachments.ts";
import { inScope } from "../../core/catalogue/scopes.ts";
import { oncePerObject } from "../../core/once-per-object.ts";
import type { McpDefinition } from "../../core/store/mcp-status.ts";
import type { Snapshot } from "../../core/store/snapshot.ts";
import type { McpServerRow, ProjectRow } from "../../core/store/typed-rows.ts";
import { cutsOf } from "../content/cuts-of.ts";
import type { PartWord } from "../content/kept-results.ts";
import { type GatePrompt, gateOf, gatePrompts } from "../gate/gate-prompts.ts";
import { gateToolNames } from "../gate/gate-tools.ts";
import { proxyModelOf } from "../proxy-model.ts";
import { askNames } from "./agent-tools.ts";
import { offeredName, offeredUri } from "./names.ts";
import { schemaFacts } from "./schema-faults.ts";
import { isAllowed } from "./tool-globs.ts";

/** Something that a server has and a project offers. */
export interface Offered {
  /** The name or URI that clients use. */
  name: string;
  /** The name or URI that the server uses. */
  original: string;
  server: McpServerRow;
  /** The description that the server gives, with the name that clients use. */
  definition: McpDefinition;
}

/**
 * The reason why a tool is not offered.
 *
 * - `denied`: the rules of its server or of its attachment
 * - `changed`: its server changed it, and nobody has approved that
 * - `failed`: its server does not start
 * - `invalid`: clients could not use its schemas
 */
export type HiddenReason = "denied" | "changed" | "failed" | "invalid";

/** A tool that clients do not see. */
export interface HiddenTool extends Offered {
  reason: HiddenReason;
  /** More about the reason, for people. */
  detail?: string;
}

/** Everything that clients of a project see, by name, sorted. */
export interface Offer {
  readonly servers: readonly McpServerRow[];
  readonly tools: ReadonlyMap<string, Offered>;
  readonly prompts: ReadonlyMap<string, Offered>;
  /** The prompts of the project itself, by the names that clients use. */
  readonly ownPrompts: ReadonlyMap<string, GatePrompt>;
  /** True if the tools of the gate are among the tools. */
  readonly hasGate: boolean;
  /** The word for the parts into which long results are cut; undefined if they are not. */
  readonly cuts: PartWord | undefined;
  readonly resources: ReadonlyMap<string, Offered>;
  readonly resourceTemplates: ReadonlyMap<string, Offered>;
  readonly hidden: readonly HiddenTool[];
  /** The URIs that clients use for resources that have another one at their server: by server, then by its URI. */
  readonly renamed: ReadonlyMap<string, ReadonlyMap<string, string>>;
}

/** Definitions as clients can use them. They are kept as the server wrote them: that is what somebody approves. */
const usable = {
  tools: oncePerObject((one: McpDefinition) => usableDefinition("tools", one)),
  prompts: oncePerObject((one: McpDefinition) => usableDefinition("prompts", one)),
  resources: oncePerObject((one: McpDefinition) => usableDefinition("resources", one)),
  resourceTemplates: oncePerObject((one: McpDefinition) => usableDefinition("resourceTemplates", one)),
};

/** The offers of projects, by snapshot. */
const offers = new WeakMap<Snapshot, Map<string, Offer>>();

/** The offers of projects, with the rows that they were made from. A project has the same row until it is changed. */
const newest = new WeakMap<ProjectRow, { sources: readonly unknown[]; offer: Offer }>();

/**
 * Returns what a project offers, from what its servers listed last. No server is asked, so that one that is down or slow
 * hides nothing but itself. As long as nothing changes that it depends on, the offer is the same object.
 */
export function offerOf(snapshot: Snapshot, project: ProjectRow): Offer {
  const ofSnapshot = offers.get(snapshot) ?? new Map<string, Offer>();
  offers.set(snapshot, ofSnapshot);
  const offer = ofSnapshot.get(project.id) ?? currentOffer(snapshot, project);
  ofSnapshot.set(project.id, offer);
  return offer;
}

function currentOffer(snapshot: Snapshot, project: ProjectRow): Offer {
  const attachments = attachmentsOf(snapshot, project.name);
  const prompts = inScope(snapshot, "prompt", project.name);
  const sources = [
    ...attachments.flatMap((row) => [row, snapshot.named("server", row.name)]),
    ...prompts,
    proxyModelOf(snapshot, project),
  ];
  const known = newest.get(project);
  if (known?.sources.length === sources.length && known.sources.every((one, i) => one === sources[i]))
    return known.offer;
  const offer = makeOffer(snapshot, project, attachments);
  newest.set(project, { sources, offer });
  return offer;
}

function makeOffer(snapshot: Snapshot, project: ProjectRow, attachments: readonly AttachmentRow[]): Offer {
  const hasGate = gateOf(snapshot, project) !== "off";
  const tools = new Map<string, Offered>();
  const prompts = new Map<string, Offered>();
  const resources = new Map<string, Offered>();
  const resourceTemplates = new Map<string, Offered>();
  const hidden: HiddenTool[] = [];
  const servers: McpServerRow[] = [];
  // Names that are held, also by what is hidden now.
  const names = new Set<string>([...askNames(project), ...(hasGate ? gateToolNames : [])]);
  const promptNames = new Set<string>();
  const ownPrompts = new Map<string, GatePrompt>();
  const waiting = gatePrompts(snapshot, project).sort((a, b) => a.row.createdAt - b.row.createdAt);
  // A name belongs to who came first: a prompt of the project, or the server that was attached.
  const addPrompts = (until: number) => {
    while (waiting[0] && waiting[0].row.createdAt <= until) {
      const prompt = waiting.shift()!;
      const name = offeredName(prompt.name, project.name, promptNames);
      promptNames.add(name);
      ownPrompts.set(name, prompt);
    }
  };
  const resourceUris = new Set<string>();
  const templateUris = new Set<string>();
  const renamed = new Map<string, Map<string, string>>();
  for (const { name, spec, createdAt } of attachments) {
    addPrompts(createdAt);
    const server = snapshot.named("server", name) as McpServerRow | undefined;
    if (!server) continue;
    servers.push(server);
    const { tools: list = [], ...others } = server.status;
    const prefix = spec.prefix ?? server.name;
    const hasFailed = server.status.state === "failed";
    for (const listed of list) {
      const original = String(listed["name"]);
      const definition = usable.tools(listed);
      const isPermitted = isAllowed(original, server.spec.tools) && isAllowed(original, spec.tools);
      const offered = offeredAs(offeredName(original, prefix, names), "name", original, server, definition);
      const hiding = hidingOf(server, original, definition, isPermitted);
      if (hiding) hidden.push({ ...offered, ...hiding });
      else tools.set(offered.name, offered);
      // A tool that may come back keeps its name: otherwise calls of it would go to another server meanwhile.
      if (hiding?.reason !== "denied") names.add(offered.name);
    }
    for (const definition of (others.prompts ?? []).map(usable.prompts)) {
      const own = String(definition["name"]);
      const name = offeredName(own, prefix, promptNames);
      promptNames.add(name);
      if (!hasFailed && !isChanged(server, `prompt/${own}`))
        prompts.set(name, offeredAs(name, "name", own, server, definition));
    }
    for (const [field, entries, uris, list = [], asUsable] of [
      ["uri", resources, resourceUris, others.resources, usable.resources],
      ["uriTemplate", resourceTemplates, templateUris, others.resourceTemplates, usable.resourceTemplates],
    ] as const) {
      for (const definition of list.map(asUsable)) {
        const own = String(definition[field]);
        const uri = offeredUri(own, prefix, uris);
        uris.add(uri);
        if (uri !== own) renamed.set(server.id, (renamed.get(server.id) ?? new Map()).set(own, uri));
        if (!hasFailed) entries.set(uri, offeredAs(uri, field, own, server, definition));
      }
    }
  }
  addPrompts(Number.POSITIVE_INFINITY);
  return {
    servers,
    tools: sorted(tools),
    prompts: sorted(prompts),
    ownPrompts: sorted(ownPrompts),
    hasGate,
    cuts: cutsOf(snapshot, project),
    resources: sorted(resources),
    resourceTemplates: sorted(resourceTemplates),
    hidden,
    renamed,
  };
}

function offeredAs(
  name: string,
  field: "name" | "uri" | "uriTemplate",
  original: string,
  server: McpServerRow,
  definition: McpDefinition,
): Offered {
  return {
    name,
    original,
    server,
    definition: name === original ? definition : { ...definition, [field]: name },
  };
}

/** Returns the reason why a tool is hidden; undefined if it is not. */
function hidingOf(
  server: McpServerRow,
  tool: string,
  definition: McpDefinition,
  isPermitted: boolean,
): Pick<HiddenTool, "reason" | "detail"> | undefined {
  if (!isPermitted) return { reason: "denied" };
  if (server.status.state === "failed") return { reason: "failed" };
  const { fault } = schemaFacts(definition);
  if (fault !== undefined) return { reason: "invalid", detail: fault };
  return isChanged(server, `tool/${tool}`) ? { reason: "changed" } : undefined;
}

/** True if a server changed something by itself, and nobody has approved that. */
function isChanged({ spec, status }: McpServerRow, key: string): boolean {
  // The accepted definition is kept only while the server lists another one.
  return spec.toolChanges === "approve" && status.baseline?.[key]?.definition !== undefined;
}

function sorted<T>(entries: Map<string, T>): Map<string, T> {
  return new Map([...entries].sort(([a], [b]) => (a < b ? -1 : 1)));
}
