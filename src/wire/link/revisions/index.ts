import type { LinkRevision } from "./revision.ts";
import { revision1 } from "./revision-1.ts";
import { revision2 } from "./revision-2.ts";
import { revision3 } from "./revision-3.ts";

/** All revisions of the link protocol, oldest first. A new revision is one file and one line here. */
export const linkRevisions: readonly LinkRevision[] = [revision1, revision2, revision3];

/** The revision that an agent of this version speaks. */
export const newestRevision: LinkRevision = linkRevisions.at(-1)!;

/** Returns the revision before one, for a server that does not know it; undefined if an agent cannot speak that. */
export function olderThan(revision: LinkRevision): LinkRevision | undefined {
  const older = linkRevisions[linkRevisions.indexOf(revision) - 1];
  return older?.acceptsTasks ? older : undefined;
}

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
