import { createHash } from "node:crypto";
import type { Snapshot } from "../../core/store/snapshot.ts";
import type { McpServerRow } from "../../core/store/typed-rows.ts";
import type { CallerGroup } from "../caller-group.ts";

/** Lets an instance run on one node only, where several servers share a database. */
export interface InstanceClaims {
  /**
   * Claims an instance for this node.
   *
   * @param number that it is to have; a free one if left out
   * @returns its number if it belongs to this node; undefined if it is another one's, or that cannot be found out now
   */
  claim(serverId: string, slot: string, number?: number): Promise<number | undefined>;
}

/** True if an instance may run on one node only: it is a program, or has state for its callers. Others are connections to a URL that all share, of which each node has its own. */
export function needsLease({ url, sharing }: McpServerRow["spec"]): boolean {
  return url === undefined || sharing !== "shared";
}

/** Returns the name of an instance among those of its server: the number of one that all share, else that of its callers. */
export function slotOf({ key }: Pick<CallerGroup, "key">, number: number): string {
  return key === "" ? String(number) : folderOf({ key });
}

/** Returns the name of the folder of an instance's program. Callers that do not share instances share no folder. */
export function folderOf({ key }: Pick<CallerGroup, "key">): string {
  if (key === "") return "shared";
  const kind = key.includes(" ") ? "session" : "principal";
  return `${kind}-${createHash("sha256").update(key).digest("hex").slice(0, 16)}`;
}

/**
 * Returns the lowest number for a further instance on this node.
 *
 * @param own the numbers of those that the node has
 */
export function freeNumber(
  server: string,
  own: ReadonlySet<number>,
  snapshot: Snapshot,
  node: string,
): number {
  for (let number = 1; ; number++) {
    const row = snapshot.named("instance", `${server}-${number}`);
    if (!own.has(number) && (row === undefined || row.status.node === node)) return number;
  }
}

/** The fields of which a change makes a running instance another one. All others count from the next call on. */
export const restartFields = [
  "command",
  "package",
  "image",
  "url",
  "transport",
  "args",
  "port",
  "path",
  "env",
  "headers",
  "oauth",
  "sandbox",
  "resources",
  "hostPaths",
  "sharing",
] as const;
