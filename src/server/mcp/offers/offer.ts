import { attachmentsOf } from "../../core/catalogue/attachments.ts";
import type { McpDefinition } from "../../core/store/mcp-status.ts";
import type { Snapshot } from "../../core/store/snapshot.ts";
import type { McpServerRow, ProjectRow } from "../../core/store/typed-rows.ts";
import { offeredName, offeredUri } from "./names.ts";
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

/** The reason why a tool is not offered. */
export type HiddenReason = "denied" | "changed" | "failed";

/** A tool that clients do not see. */
export interface HiddenTool extends Offered {
  reason: HiddenReason;
}

/** Everything that clients of a project see, by name, sorted. */
export interface Offer {
  readonly servers: readonly McpServerRow[];
  readonly tools: ReadonlyMap<string, Offered>;
  readonly prompts: ReadonlyMap<string, Offered>;
  readonly resources: ReadonlyMap<string, Offered>;
  readonly resourceTemplates: ReadonlyMap<string, Offered>;
  readonly hidden: readonly HiddenTool[];
}

const offers = new WeakMap<Snapshot, Map<string, Offer>>();

/**
 * Returns what a project offers, from what its servers listed last. No server is asked, so that one that is down or slow
 * hides nothing but itself.
 */
export function offerOf(snapshot: Snapshot, project: ProjectRow): Offer {
  const ofSnapshot = offers.get(snapshot) ?? new Map<string, Offer>();
  offers.set(snapshot, ofSnapshot);
  const offer = ofSnapshot.get(project.id) ?? makeOffer(snapshot, project);
  ofSnapshot.set(project.id, offer);
  return offer;
}

function makeOffer(snapshot: Snapshot, project: ProjectRow): Offer {
  const tools = new Map<string, Offered>();
  const prompts = new Map<string, Offered>();
  const resources = new Map<string, Offered>();
  const resourceTemplates = new Map<string, Offered>();
  const hidden: HiddenTool[] = [];
  const servers: McpServerRow[] = [];
  for (const { name, spec } of attachmentsOf(snapshot, project.name)) {
    const server = snapshot.named("server", name) as McpServerRow | undefined;
    if (!server) continue;
    servers.push(server);
    const { tools: list = [], ...others } = server.status;
    const prefix = spec.prefix ?? server.name;
    for (const definition of list) {
      const original = String(definition["name"]);
      const isPermitted = isAllowed(original, server.spec.tools) && isAllowed(original, spec.tools);
      const reason = reasonOf(server, original, isPermitted);
      const offered = offeredAs(offeredName(original, prefix, tools), "name", original, server, definition);
      // A hidden tool holds no name, but is shown under the one that it would have.
      if (reason) hidden.push({ ...offered, reason });
      else tools.set(offered.name, offered);
    }
    if (server.status.state === "failed") continue;
    for (const definition of others.prompts ?? []) {
      const own = String(definition["name"]);
      const name = offeredName(own, prefix, prompts);
      prompts.set(name, offeredAs(name, "name", own, server, definition));
    }
    for (const [field, entries, list = []] of [
      ["uri", resources, others.resources],
      ["uriTemplate", resourceTemplates, others.resourceTemplates],
    ] as const) {
      for (const definition of list) {
        const own = String(definition[field]);
        const uri = offeredUri(own, prefix, entries);
        entries.set(uri, offeredAs(uri, field, own, server, definition));
      }
    }
  }
  return {
    servers,
    tools: sorted(tools),
    prompts: sorted(prompts),
    resources: sorted(resources),
    resourceTemplates: sorted(resourceTemplates),
    hidden,
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

function reasonOf(
  { spec, status }: McpServerRow,
  tool: string,
  isPermitted: boolean,
): HiddenReason | undefined {
  if (!isPermitted) return "denied";
  if (status.state === "failed") return "failed";
  // The accepted definition is kept only while the server lists another one.
  const isChanged = status.baseline?.[`tool/${tool}`]?.definition !== undefined;
  return isChanged && spec.toolChanges === "approve" ? "changed" : undefined;
}

function sorted(entries: Map<string, Offered>): Map<string, Offered> {
  return new Map([...entries].sort(([a], [b]) => (a < b ? -1 : 1)));
}
