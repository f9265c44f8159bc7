import { rmSync } from "node:fs";
import { join } from "node:path";
import { removeAbandonedDrafts } from "../../../drafts.ts";
import { AppError } from "../../../errors.ts";
import type { RoleBinding } from "../../../kinds/grants.ts";
import { writePrivateFile } from "../../../private-file.ts";
import { isObject } from "../../../wire/json.ts";
import { readJson } from "../../client/config.ts";
import type { FileFormat } from "./client.ts";

/** A value that mcpctl has put into a file of a client. */
export interface SettingChange {
  file: string;
  format: FileFormat;
  path: readonly string[];
  /** The value that was there before; undefined if there was none. */
  before?: unknown;
  /** The value that mcpctl wrote; undefined if it took one out. */
  after?: unknown;
  /** The text that the file began with, which was not there before; undefined if it was there. */
  newFile?: string;
}

/** A record of the changes that `mcpctl connect` made for one client, so that they can be undone. */
export interface ClientConnection {
  client: string;
  server: string;
  model: string;
  rights: readonly RoleBinding[];
  tokenFile: string;
  changes: readonly SettingChange[];
}

/** Reads what was done for a client; undefined if nothing was. Throws AppError that names the file. */
export function readConnection(home: string, client: string): ClientConnection | undefined {
  const file = fileOf(home, client);
  const value = readJson(file, true);
  if (value === undefined) return undefined;
  const { server, model, rights, tokenFile, changes } = value;
  const areWords = [server, model, tokenFile].every((one) => typeof one === "string");
  if (!areWords || !Array.isArray(rights) || !Array.isArray(changes) || !changes.every(isChange))
    throw new AppError("invalid_request", `${file} is not what mcpctl has written`, {
      hint: `take the settings out of the client by hand, then delete the file: rm ${file}`,
    });
  return value as unknown as ClientConnection;
}

/** Writes it down. Values that were replaced may be secret, so nobody else can read the file. */
export function writeConnection(home: string, connection: ClientConnection): void {
  writePrivateFile(fileOf(home, connection.client), `${JSON.stringify(connection, null, 2)}\n`);
}

export function removeConnection(home: string, client: string): void {
  const file = fileOf(home, client);
  removeAbandonedDrafts(file);
  rmSync(file, { force: true });
}

function fileOf(home: string, client: string): string {
  return join(home, "connections", `${client}.json`);
}

function isChange(value: unknown): boolean {
  return (
    isObject(value) &&
    typeof value["file"] === "string" &&
    ["json", "toml", "yaml", "text"].includes(String(value["format"])) &&
    Array.isArray(value["path"]) &&
    value["path"].every((key) => typeof key === "string")
  );
}
