import { decide, isVisible, type Principal, type Verb } from "../access/policy.ts";
import { opensProject } from "../access/token-projects.ts";
import type { LinkState, Snapshot } from "../store/snapshot.ts";
import type { ProjectRow, PromptRow } from "../store/typed-rows.ts";
import type { Row } from "../store/types.ts";
import { attachmentsOf, seesServer } from "./attachments.ts";
import type { View } from "./hooks.ts";

/** A resource of an MCP server, as a prompt names it: `website/files:file:///srv/style.md`. */
export interface PromptLink {
  project: string;
  server: string;
  uri: string;
}

/** Reads the text of a link. It must have its form. */
export function parseLink(link: string): PromptLink {
  const [, project, server, uri] = /^([^/]+)\/([^:]+):(.+)$/.exec(link)!;
  return { project: project!, server: server!, uri: uri! };
}

/**
 * Decides if a reader may follow a link: with the right to run its project, whose users can read what its servers offer.
 * The author of the prompt gives nothing of their own right (T206).
 */
export function decideLink(
  snapshot: Snapshot,
  principal: Principal,
  { project: name, server }: PromptLink,
): { project: ProjectRow } | "forbidden" | "missing" {
  const project = snapshot.named("project", name);
  if (decide(principal, "run", "projects", name, project as Row | undefined) !== "allow" || !project)
    return "forbidden";
  if (!opensProject(snapshot, principal, name)) return "forbidden";
  return attachmentsOf(snapshot, name).some((one) => one.name === server) ? { project } : "missing";
}

/**
 * True if an author may know that the server of a link is attached to its project. To others a server that is hidden from
 * them is one that does not exist, so that links find no names out.
 */
export function mayLinkTo(
  snapshot: Snapshot,
  principal: Principal,
  { project: name, server }: PromptLink,
): boolean {
  const project = snapshot.named("project", name);
  return (
    usesProject(principal, name, project) &&
    attachmentsOf(snapshot, name).some((one) => one.name === server && seesServer(snapshot, principal, one))
  );
}

/** True if a principal has any right on a project. */
export function usesProject(principal: Principal, name: string, project: ProjectRow | undefined): boolean {
  return anyUse.some(
    (verb) => decide(principal, verb, "projects", name, project as Row | undefined) === "allow",
  );
}

const anyUse: readonly Verb[] = ["run", "update", "view"];

/** Returns the state of a prompt's link, as far as a reader may know it. */
export function linkStatus(
  row: PromptRow,
  { snapshot, principal }: View,
): LinkState | "unread" | "forbidden" {
  if (row.spec.link === undefined) return "ready";
  const decided = decideLink(snapshot, principal, parseLink(row.spec.link));
  if (typeof decided === "string") return decided;
  return snapshot.volatile.links.get(row.id) ?? "unread";
}

/** True if a link names an MCP server that is hidden from a reader. */
export function isHiddenLink({ spec }: PromptRow, { snapshot, principal }: View): boolean {
  const server = spec.link === undefined ? undefined : snapshot.named("server", parseLink(spec.link).server);
  return server !== undefined && !isVisible(principal, "servers", server);
}
