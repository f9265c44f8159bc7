import type { LinkRevision } from "./revision.ts";
import { revision1 } from "./revision-1.ts";
import { revision2 } from "./revision-2.ts";

/** All revisions of the link protocol, oldest first. A new revision is one file and one line here. */
export const linkRevisions: readonly LinkRevision[] = [revision1, revision2];

/** The revision that an agent of this version speaks. */
export const newestRevision: LinkRevision = linkRevisions.at(-1)!;

/**
 * Finds the revision that an agent asks for.
 *
 * @param protocol the number that the agent sent; undefined, as minimal agents send none, is the oldest revision
 * @returns undefined if this server does not know the revision
 */
export function negotiate(
  protocol: number | undefined,
  revisions: readonly LinkRevision[] = linkRevisions,
): LinkRevision | undefined {
  return protocol === undefined ? revisions[0] : revisions.find((one) => one.protocol === protocol);
}
