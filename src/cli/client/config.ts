import { join } from "node:path";
import { AppError } from "../../errors.ts";
import { readPrivateFile, writePrivateFile } from "../../private-file.ts";
import { isObject } from "../../wire/json.ts";
import { withoutByteOrderMark } from "../../wire/text.ts";

/** A server that the user has named. */
export interface ContextEntry {
  server: string;
  /** A file with the token for it. Without one, `credentials.json` is used. */
  tokenFile?: string;
  /** A file with the certificates of the authorities that are trusted for it, instead of those of the system. */
  caCert?: string;
}

/** `~/.mcpctl/config.json`. The agent keeps its settings in the same file, so unknown keys are kept. */
export interface Config extends Record<string, unknown> {
  contexts: Record<string, ContextEntry>;
  currentContext?: string;
}

/** Reads the config of `home`; an empty one if there is no file. Throws AppError that names the file. */
export function readConfig(home: string): Config {
  const path = join(home, "config.json");
  const config = readJson(path, false) ?? {};
  const contexts = config["contexts"] ?? {};
  if (!isObject(contexts)) throw broken(path, "contexts must be an object");
  for (const [name, entry] of Object.entries(contexts)) {
    if (!isObject(entry) || typeof entry["server"] !== "string")
      throw broken(path, `contexts.${name}.server is required`);
    for (const field of ["tokenFile", "caCert"])
      if (entry[field] !== undefined && typeof entry[field] !== "string")
        throw broken(path, `contexts.${name}.${field} must be a string`);
  }
  const current = config["currentContext"];
  if (current !== undefined && typeof current !== "string")
    throw broken(path, "currentContext must be a string");
  return { ...config, contexts } as Config;
}

export function writeConfig(home: string, config: Config): void {
  writePrivateFile(join(home, "config.json"), `${JSON.stringify(config, null, 2)}\n`);
}

/** Reads a file of the command line; undefined if there is none. Throws AppError that names it. */
export function readJson(path: string, secret: boolean): Record<string, unknown> | undefined {
  const text = readPrivateFile(path, { secret });
  if (text === undefined) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(withoutByteOrderMark(text));
  } catch (cause) {
    // The parser's own message is left out: it quotes the file, which may hold a token.
    throw new AppError("invalid_request", `${path} is not JSON`, { cause: secret ? undefined : cause });
  }
  if (!isObject(value)) throw broken(path, "must be an object");
  return value;
}

function broken(path: string, what: string): AppError {
  return new AppError("invalid_request", `${path}: ${what}`);
}
