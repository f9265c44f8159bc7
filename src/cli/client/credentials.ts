import { rmSync } from "node:fs";
import { join } from "node:path";
import { AppError } from "../../errors.ts";
import { writePrivateFile } from "../../private-file.ts";
import { isObject } from "../../wire/json.ts";
import { readJson } from "./config.ts";

/** The sessions of `mcpctl login`, one of each server. */
interface Credentials {
  /** The session of the last login. */
  token?: string;
  /** The server that it belongs to; undefined in a file that somebody wrote by hand: then any. */
  server?: string;
  /** Sessions of other servers, by their addresses. */
  others: Readonly<Record<string, string>>;
}

const fileName = "credentials.json";

/**
 * Returns the token that `login` has stored for a server. Throws AppError if other users can read the file.
 *
 * @param server the address it will be sent to: a token of another server is not returned
 */
export function readToken(home: string, server: string): string | undefined {
  const { token, server: from = server, others } = read(home);
  return from === server ? token : others[server];
}

/** Returns the addresses of the servers that one is logged in to. */
export function serversOfTokens(home: string): string[] {
  const { token, server, others } = read(home);
  return [...(token !== undefined && server !== undefined ? [server] : []), ...Object.keys(others)];
}

/** Returns true if any token is stored. */
export function hasTokens(home: string): boolean {
  const { token, others } = read(home);
  return token !== undefined || Object.keys(others).length > 0;
}

/** Stores the token of a server beside those of others. */
export function writeToken(home: string, token: string, server: string): void {
  const before = read(home);
  const { [server]: _, ...others } = before.others;
  const earlier =
    before.token !== undefined && before.server !== undefined && before.server !== server
      ? { [before.server]: before.token }
      : {};
  write(home, { token, server, others: { ...others, ...earlier } });
}

/** Removes the token of a server. */
export function removeToken(home: string, server: string): void {
  const before = read(home);
  const { [server]: _, ...others } = before.others;
  if ((before.server ?? server) !== server) return write(home, { ...before, others });
  const next = Object.keys(others).at(-1);
  if (next === undefined) return rmSync(join(home, fileName), { force: true });
  const { [next]: token, ...rest } = others;
  write(home, { token: token!, server: next, others: rest });
}

function read(home: string): Credentials {
  const path = join(home, fileName);
  const { token, server, others = {} } = readJson(path, true) ?? {};
  const broken = (what: string) => new AppError("invalid_request", `${path}: ${what}`);
  if (token !== undefined && typeof token !== "string") throw broken("token must be a string");
  if (server !== undefined && typeof server !== "string") throw broken("server must be a string");
  if (!isObject(others) || !Object.values(others).every((one) => typeof one === "string"))
    throw broken("others must be an object of strings");
  return {
    ...(token !== undefined && { token }),
    ...(server !== undefined && { server }),
    others: others as Record<string, string>,
  };
}

function write(home: string, { token, server, others }: Credentials): void {
  const hasOthers = Object.keys(others).length > 0;
  const text = JSON.stringify({ token, server, ...(hasOthers && { others }) });
  writePrivateFile(join(home, fileName), `${text}\n`);
}
