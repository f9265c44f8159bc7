import { readdirSync, rmSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";

/** Milliseconds after which a draft is nobody's: it is written and renamed in one go. */
const abandonedAfter = 60_000;

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Returns a hidden name beside a file, under which its next content is written before it takes the file's place. */
export function draftOf(path: string): string {
  return join(dirname(path), `.${basename(path)}.${crypto.randomUUID()}`);
}

/**
 * Returns the drafts of a file whose processes were killed before they could rename or delete them.
 *
 * @param age milliseconds after which a draft counts as abandoned
 */
export function abandonedDrafts(path: string, age = abandonedAfter): string[] {
  const start = `.${basename(path)}.`;
  let names: string[];
  try {
    names = readdirSync(dirname(path));
  } catch {
    return [];
  }
  return names
    .filter((name) => name.startsWith(start) && uuid.test(name.slice(start.length)))
    .map((name) => join(dirname(path), name))
    .filter((draft) => {
      const { mtimeMs } = statSync(draft, { throwIfNoEntry: false }) ?? { mtimeMs: Date.now() };
      return Date.now() - mtimeMs >= age;
    });
}

/** Deletes a draft that was not written to its end. Never throws: the error that ended it is the one to tell. */
export function discardDraft(draft: string): void {
  try {
    rmSync(draft, { force: true });
  } catch {
    // On a file system that cannot be written there is none.
  }
}

/** Deletes the abandoned drafts of a file, which may hold tokens. */
export function removeAbandonedDrafts(path: string): void {
  for (const draft of abandonedDrafts(path)) discardDraft(draft);
}
