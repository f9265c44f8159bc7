import { rmSync } from "node:fs";
import { join } from "node:path";
import { AppError } from "../../errors.ts";
import { writePrivateFile } from "../../private-file.ts";
import { readJson } from "./config.ts";

/** Another user that the command line acts as, until `mcpctl config impersonate --quit`. */
export interface Impersonation {
  /** The bearer of the session. */
  token: string;
  /** The address of the server that gave it. */
  server: string;
  user: string;
  /** The user or token that acts. */
  by: string;
}

const fileName = "impersonation.json";

/**
 * Reads the impersonation that `mcpctl config impersonate` has begun. Throws AppError if other users can read its file.
 *
 * @param server the address that its bearer will be sent to: that of another server is not returned
 */
export function readImpersonation(home: string, server?: string): Impersonation | undefined {
  const path = join(home, fileName);
  const value = readJson(path, true);
  if (value === undefined) return undefined;
  const { token, server: from, user, by } = value;
  if (
    typeof token !== "string" ||
    typeof from !== "string" ||
    typeof user !== "string" ||
    typeof by !== "string"
  )
    throw new AppError("invalid_request", `${path}: token, server, user and by must be strings`, {
      hint: `delete the file to be yourself again: rm ${path}`,
    });
  return server === undefined || from === server ? { token, server: from, user, by } : undefined;
}

export function writeImpersonation(home: string, impersonation: Impersonation): void {
  writePrivateFile(join(home, fileName), `${JSON.stringify(impersonation)}\n`);
}

export function removeImpersonation(home: string): void {
  rmSync(join(home, fileName), { force: true });
}
