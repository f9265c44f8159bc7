import { AppError } from "../../../errors.ts";
import { serverAttachment } from "../../../kinds/server-attachment.ts";
import { decide, isVisible, type Principal } from "../access/policy.ts";
import type { Snapshot } from "../store/snapshot.ts";
import type { RowOf } from "../store/typed-rows.ts";
import type { Row, Write } from "../store/types.ts";

/** A row of the kind `serverattachment`: an MCP server that is attached to a project. */
export interface AttachmentRow extends RowOf<"serverattachment"> {}

/** Returns the attachments of a project, in the order of attaching, on which names of tools depend. */
export function attachmentsOf(snapshot: Snapshot, project: string): AttachmentRow[] {
  return snapshot
    .table(serverAttachment.kind)
    .sorted.filter(({ scope }) => scope === project)
    .sort((a, b) => a.status.position - b.status.position);
}

/** Returns the place of the server that is attached next. Places of detached servers are not used again. */
export function nextPosition(attachments: readonly AttachmentRow[]): number {
  return Math.max(0, ...attachments.map(({ status }) => status.position)) + 1;
}

/** True if a reader may know of the MCP server of an attachment. */
export function seesServer(snapshot: Snapshot, principal: Principal, { name }: AttachmentRow): boolean {
  const server = snapshot.named("server", name);
  return server !== undefined && isVisible(principal, "servers", server);
}

/**
 * Checks the right to attach an MCP server: the users of the project can then call its tools.
 *
 * @returns the server; undefined if it does not exist or is hidden from the principal
 * @throws AppError `forbidden` without `expose` on it, whether or not it exists
 */
export function attachable(snapshot: Snapshot, principal: Principal, name: string): Row | undefined {
  const server = snapshot.named("server", name);
  const decision = decide(principal, "expose", "servers", name, server);
  if (decision === "forbidden")
    throw new AppError("forbidden", `attaching server "${name}" needs expose on it`);
  return decision === "allow" ? server : undefined;
}

/**
 * Returns the write that counts up the version of a project whose attachments change: its list of servers is derived
 * from them, and watchers and editors of the project must see the change.
 */
export function touchProject(snapshot: Snapshot, name: string, now: number): Write[] {
  const project = snapshot.named("project", name);
  if (!project) return [];
  const row = { ...project, version: project.version + 1, updatedAt: now };
  return [{ op: "update", row, refs: snapshot.refsOf(project.id) }];
}
