import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { AppError } from "../../errors.ts";
import { reasonText } from "../../system-errors.ts";
import { isObject, parsedObject } from "../../wire/json.ts";
import { withoutByteOrderMark } from "../../wire/text.ts";
import { checkMcpServer, mcpServerOf } from "../config/mcp-server.ts";
import type { McpServerConfig } from "../core/mcp-server.ts";
import { freeName } from "./free-name.ts";

/** An MCP server that a client on this machine is set up with. */
export interface FoundServer {
  /** Its name in the config, or the name that it would get there. */
  name: string;
  /** The program or url, without arguments and values, which can be keys. */
  source: string;
  /** The file that it stands in. */
  from: string;
  /** Its entry for the config; undefined if it cannot be one. */
  entry: Record<string, unknown> | undefined;
  /** The reason why it cannot be added; null if there is none. */
  refusal: string | null;
  /** True if the config contains it. */
  configured: boolean;
}

/** The files of clients, below the user's home. Files of other folders can be of somebody else, and are only read when named. */
const usualFiles = [
  ".config/Claude/claude_desktop_config.json",
  "Library/Application Support/Claude/claude_desktop_config.json",
  ".claude.json",
  ".config/Code/User/mcp.json",
  "Library/Application Support/Code/User/mcp.json",
  ".cursor/mcp.json",
];

const maxFileBytes = 16 * 1024 * 1024;

/**
 * Returns the MCP servers of clients' files: those of the usual places, or of the given files. Nothing is started.
 *
 * @param files absolute paths; the usual places if there are none
 * @param configured the MCP servers of the config
 * @throws AppError `invalid_request` for a given file that cannot be read
 */
export function serversOfClients(
  userHome: string,
  files: readonly string[],
  configured: readonly McpServerConfig[],
): FoundServer[] {
  const taken = new Set(configured.map(({ name }) => name));
  const isNamed = files.length > 0;
  const paths = isNamed ? files : usualFiles.map((file) => join(userHome, file));
  return paths.flatMap((path) =>
    [...entriesIn(path, isNamed)].map(([key, given]): FoundServer => {
      const fields = fieldsOf(given);
      const entry = { name: freeName(plainName(key), taken), ...fields };
      const source = oneWord(fields["url"] ?? fields["command"]);
      const refusal = withoutCounterpart(given) ?? refusalOf(entry);
      const found = { source, from: path, refusal };
      if (refusal !== null) return { ...found, name: entry.name, entry: undefined, configured: false };
      const config = mcpServerOf(entry, (one) => one);
      const known = configured.find((one) => Bun.deepEquals(one.source, config.source));
      if (!known) taken.add(entry.name);
      return { ...found, name: known?.name ?? entry.name, entry, configured: known !== undefined };
    }),
  );
}

/** Returns the entries of `mcpServers` (Claude, Cursor) or `servers` (VS Code), by their names. */
function entriesIn(path: string, isNamed: boolean): Map<string, unknown> {
  let text: string;
  try {
    if (statSync(path).size > maxFileBytes) throw new Error("it is too large");
    text = readFileSync(path, "utf8");
  } catch (error) {
    if (!isNamed) return new Map();
    throw new AppError("invalid_request", `cannot read ${path}: ${reasonText(error)}`);
  }
  const file = parsedObject(withoutComments(withoutByteOrderMark(text)));
  const servers = isObject(file) ? (file["mcpServers"] ?? file["servers"]) : undefined;
  if (isObject(servers)) return new Map(Object.entries(servers));
  if (!isNamed) return new Map();
  throw new AppError(
    "invalid_request",
    `${path} has no MCP servers: there is no object mcpServers or servers in it`,
  );
}

const stringOrComment = /"(?:[^"\\\n]|\\.)*"|\/\/[^\n]*|\/\*[\s\S]*?\*\//g;
const stringOrComma = /"(?:[^"\\\n]|\\.)*"|,(?=\s*[}\]])/g;

/** Returns JSON from JSON with comments and commas before brackets, as VS Code writes it. */
function withoutComments(text: string): string {
  const keepStrings = (match: string) => (match.startsWith('"') ? match : "");
  return text.replace(stringOrComment, keepStrings).replace(stringOrComma, keepStrings);
}

/** Takes the fields that mean the same here. */
function fieldsOf(given: unknown): Record<string, unknown> {
  if (!isObject(given)) return {};
  const { command, args, env, url, headers } = given;
  const isUsed = (value: unknown) =>
    value !== undefined && !(isObject(value) && Object.keys(value).length === 0);
  const fields = url === undefined ? { command, args, env } : { url, headers };
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => isUsed(value)));
}

/** Returns the reason why an entry would start another program here than at its client; undefined if there is none. */
function withoutCounterpart(given: unknown): string | undefined {
  const field = ["cwd", "envFile"].find((name) => isObject(given) && given[name] !== undefined);
  return field && `it has ${field}, which there is not here: write the paths and variables out`;
}

function refusalOf(entry: Record<string, unknown>): string | null {
  if (/\$\{/.test(JSON.stringify(entry))) return "it has variables of its client in it, such as ${input:…}";
  const [fault] = checkMcpServer(entry);
  return fault ? `${fault.path.slice(1).replaceAll("/", ".")}: ${fault.message}`.replace(/^: /, "") : null;
}

function plainName(key: string): string {
  const plain = key.toLowerCase().replace(/[^a-z0-9]+/g, "-");
  return plain.replace(/^-+|-+$/g, "") || "server";
}

/** Returns a text without the parts of a url that can be keys, and without what would move a cursor (T42). */
function oneWord(value: unknown): string {
  const text = String(value ?? "-");
  const url = URL.parse(text);
  const shown = url?.host ? `${url.protocol}//${url.host}${url.pathname}` : text;
  return shown.replace(/[\u0000-\u001f\u007f-\u009f]/g, "").slice(0, 200);
}
