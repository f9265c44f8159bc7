import { abandonedDrafts, draftOf } from "../../../drafts.ts";
import { readPrivateFile, writePrivateFile } from "../../../private-file.ts";

/** The name of a token, written beside its future file before the server makes the token. */
export interface AnnouncedToken {
  announcement: string;
  name: string;
}

/**
 * Writes down which token is about to be made for a file, so that it is found also if the program is killed before the
 * token has its file.
 *
 * @returns the path of the announcement, which is deleted once the token has its file or is revoked
 * @throws AppError `invalid_request` when others can write to the folder; the system's error when nothing can be written
 */
export function announceToken(file: string, name: string): string {
  const announcement = draftOf(stemOf(file));
  writePrivateFile(announcement, `${name}\n`);
  return announcement;
}

/** Returns the tokens that were announced for a file: those of a minute ago or earlier, or those of any age. */
export function announcedTokens(file: string, isAnyAge: boolean): AnnouncedToken[] {
  return abandonedDrafts(stemOf(file), isAnyAge ? 0 : undefined).flatMap((announcement) => {
    const name = readPrivateFile(announcement, { secret: true })?.trim();
    return name ? [{ announcement, name }] : [];
  });
}

function stemOf(file: string): string {
  return `${file}.name`;
}
