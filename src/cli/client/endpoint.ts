import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { certificatesIn } from "../../certificates.ts";
import { AppError } from "../../errors.ts";
import { didYouMean } from "../../kinds/names.ts";
import { reasonText } from "../../system-errors.ts";
import { acceptsConnections, systemDataFolder } from "../../unix-socket.ts";
import type { Endpoint } from "./client.ts";
import { type Config, type ContextEntry, readConfig } from "./config.ts";
import { readToken } from "./credentials.ts";
import { type Impersonation, readImpersonation } from "./impersonation.ts";
import type { TokenOrigin } from "./refused-token.ts";

const fallback = "http://127.0.0.1:7777";

/** The parts of a command's context that decide which server is used. */
interface Surroundings {
  env: Readonly<Record<string, string | undefined>>;
  /** `~/.mcpctl`, or the folder that MCPCTL_HOME names. */
  home: string;
  cwd: string;
  flags: { server: string | undefined; context: string | undefined; tokenFile: string | undefined };
  /** A file with the certificates of the authorities that are trusted for the server. */
  caCert?: string;
}

/**
 * Finds the server and the token.
 *
 * Server: `--server`, then `--context`, MCPCTL_SERVER, MCPD_URL, the current context, a Unix socket of this machine
 * that can be opened, http://127.0.0.1:7777. Token: `--token-file`, MCPCTL_TOKEN, that of an impersonation, the file of
 * the context, credentials.json.
 *
 * @throws AppError if a setting names something that does not exist or is not safe to use
 */
export async function resolveEndpoint(surroundings: Surroundings): Promise<Endpoint> {
  const server = await findServer(surroundings);
  const acting = findImpersonation(surroundings, server);
  const found = acting ? undefined : findToken(surroundings, server);
  const token = acting ? sendable(acting.token, "the token in impersonation.json") : found?.token;
  const warning = straySecret(surroundings, server);
  const ca = findAuthorities(surroundings, server);
  return {
    url: server.url,
    ...(server.origin && { origin: server.origin }),
    ...ca,
    ...(token && { token }),
    ...(found && { tokenSource: found.source }),
    ...(acting && { actingAs: { user: acting.user, by: acting.by } }),
    ...(warning && { warning }),
  };
}

/** The address of a server, for a program that runs longer than its token is valid. */
export interface AgentEndpoint extends Omit<Endpoint, "token" | "tokenSource"> {
  /** Reads the current token. Throws AppError `unauthenticated` if there is none. */
  token(): string;
}

/**
 * Finds the server for an agent. An agent is identified by its token, so the Unix socket is not tried.
 *
 * @throws AppError `usage` if a setting names a Unix socket
 */
export async function resolveForAgent(surroundings: Surroundings): Promise<AgentEndpoint> {
  const server = await findServer(surroundings, { sockets: false });
  if (server.url.startsWith("unix:"))
    throw new AppError("usage", "an agent cannot attach to a Unix socket", {
      hint: "give it the server's http address: --server http://127.0.0.1:7777",
    });
  const token = () => {
    const found = findToken(surroundings, server);
    if (found) return found.token;
    throw new AppError("unauthenticated", `an agent needs a token for ${server.url}, and there is none`, {
      hint: `log in with: mcpctl login --server ${server.url}, or make a token: mcpctl create token my-agent --bind role:expose,resource:llms`,
    });
  };
  const ca = findAuthorities(surroundings, server);
  return { url: server.url, ...(server.origin && { origin: server.origin }), ...ca, token };
}

/**
 * A warning if MCPCTL_TOKEN goes over plain HTTP to another machine that the environment does not name: the token was
 * perhaps set for another server (T111). Where MCPCTL_SERVER stands beside it, the user has said where it goes.
 */
function straySecret(
  { env, flags }: Pick<Surroundings, "env" | "flags">,
  { url, isFromEnvironment }: Server,
): string | undefined {
  if (flags.tokenFile || !env["MCPCTL_TOKEN"] || isFromEnvironment || !isReadableOnTheWay(url))
    return undefined;
  return `MCPCTL_TOKEN is sent to ${url} over plain HTTP, where everybody on the way can read it`;
}

interface Server {
  url: string;
  origin?: string;
  /** The context that names it. */
  context?: ContextEntry;
  isFromEnvironment?: true;
}

async function findServer(
  surroundings: Surroundings,
  { sockets: tryingSockets } = { sockets: true },
): Promise<Server> {
  const { env, flags } = surroundings;
  if (flags.server) return { url: serverUrl(flags.server, "--server") };
  if (flags.context) return fromContext(readConfig(surroundings.home), flags.context, surroundings.home);
  for (const name of ["MCPCTL_SERVER", "MCPD_URL"])
    if (env[name]) return { url: serverUrl(env[name], name), origin: name, isFromEnvironment: true };
  const { home } = surroundings;
  const config = readConfig(home);
  if (config.currentContext) return fromContext(config, config.currentContext, home);
  const socket = tryingSockets ? await findSocket(surroundings) : undefined;
  return { url: socket ?? fallback };
}

/** Returns the address of the Unix socket of a server on this machine that can be opened; undefined if there is none. */
export async function findSocket({
  env,
  home,
}: Pick<Surroundings, "env" | "home">): Promise<string | undefined> {
  for (const path of sockets(env, home))
    if (existsSync(path) && (await acceptsConnections(path))) return `unix://${path}`;
  return undefined;
}

function sockets(env: Surroundings["env"], home: string): string[] {
  const folders = [env["MCPCTL_DATA_DIR"], join(home, "server"), systemDataFolder];
  return folders.flatMap((folder) => (folder ? [join(folder, "mcpctl.sock")] : []));
}

function fromContext(config: Config, name: string, home: string): Server {
  const entry = config.contexts[name];
  if (!entry)
    throw new AppError("not_found", `no context "${name}" in ${join(home, "config.json")}`, {
      hint:
        didYouMean(name, Object.keys(config.contexts)) ?? "to see all contexts: mcpctl config get-contexts",
    });
  return { url: serverUrl(entry.server, `context "${name}"`), origin: `context "${name}"`, context: entry };
}

/** True if what is sent to an address does not leave this machine: a Unix socket, or a loopback address. */
export function staysOnThisMachine(address: string): boolean {
  if (address.startsWith("unix:")) return true;
  const host = URL.parse(address)?.hostname ?? "";
  return /^(localhost|[a-z0-9.-]+\.localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(host);
}

/** True if everybody on the way to a server can read what is sent to it: plain HTTP to another machine. */
export function isReadableOnTheWay(address: string): boolean {
  return address.startsWith("http:") && !staysOnThisMachine(address);
}

/** Checks the address of a server and cuts off its path. Throws AppError `usage` that names its source. */
export function serverUrl(text: string, source: string): string {
  if (text.startsWith("unix:///")) return text;
  const url = URL.parse(text);
  if (url && (url.protocol === "http:" || url.protocol === "https:")) return url.origin;
  throw new AppError("usage", `${source}: "${text}" is not the address of a server`, {
    hint: "write http://host:7777, https://host or unix:///path/to/mcpctl.sock",
  });
}

/**
 * Finds the authorities that are trusted for a server: those that were given, then those of its context, also where the
 * server was named otherwise.
 */
function findAuthorities(
  surroundings: Surroundings,
  { url, context }: Server,
): Pick<Endpoint, "ca" | "caFile"> | undefined {
  const { cwd, caCert } = surroundings;
  if (!url.startsWith("https:")) return undefined;
  const known = caCert ? undefined : (context ?? contextOf(surroundings, url))?.caCert;
  const path = caCert ? resolve(cwd, caCert) : known && resolve(surroundings.home, known);
  return path ? { ca: authoritiesIn(path), caFile: path } : undefined;
}

/** Reads the certificates of authorities. Throws AppError `invalid_request` that names the file and the reason. */
export function authoritiesIn(path: string): string[] {
  try {
    return certificatesIn(readFileSync(path, "utf8"), path);
  } catch (cause) {
    if (cause instanceof AppError) throw cause;
    throw new AppError("invalid_request", `cannot read the certificates in ${path}: ${reasonText(cause)}`, {
      cause,
    });
  }
}

/** Returns the context of a server; undefined if there is none, or no config that can be read. */
function contextOf(surroundings: Surroundings, url: string): ContextEntry | undefined {
  try {
    return Object.values(readConfig(surroundings.home).contexts).find(({ server }) => server === url);
  } catch {
    return undefined;
  }
}

/** Finds the user that commands to a server are made as. A token that the user gives has precedence. */
function findImpersonation(surroundings: Surroundings, { url }: Server): Impersonation | undefined {
  const { env, flags } = surroundings;
  return flags.tokenFile || env["MCPCTL_TOKEN"] ? undefined : readImpersonation(surroundings.home, url);
}

/** Finds the token for a server. The home is read only if nothing else says the token. */
function findToken(
  surroundings: Surroundings,
  { url, context }: Server,
): { token: string; source: TokenOrigin } | undefined {
  const { env, flags, cwd } = surroundings;
  const inFile = (file: string) => ({ token: tokenIn(file), source: { file } });
  if (flags.tokenFile) return inFile(resolve(cwd, flags.tokenFile));
  if (env["MCPCTL_TOKEN"]) {
    const variable = "MCPCTL_TOKEN";
    return { token: sendable(env[variable].trim(), variable), source: { variable } };
  }
  if (context?.tokenFile) return inFile(resolve(surroundings.home, context.tokenFile));
  // Over the socket the user is the administrator. The session of another login must not replace that.
  if (url.startsWith("unix:")) return undefined;
  const token = readToken(surroundings.home, url);
  return token ? { token: sendable(token, "the token in credentials.json"), source: "login" } : undefined;
}

/** Checks that a token fits into a header. Throws AppError that names its source and the place, and never the token. */
function sendable(token: string, source: string): string {
  const at = token.search(/[^!-~]/);
  if (at < 0) return token;
  throw new AppError("invalid_request", `${source}: character ${at + 1} cannot be part of a token`, {
    hint: "copy the token again, as one word without spaces and line breaks",
  });
}

/** Reads a file that holds only a token, or one like credentials.json. A byte order mark does not matter. */
function tokenIn(path: string): string {
  let text: string;
  try {
    text = readFileSync(path, "utf8").trim();
  } catch (cause) {
    throw new AppError("invalid_request", `cannot read the token file ${path}: ${reasonText(cause)}`, {
      cause,
    });
  }
  const token = text.startsWith("{") ? memberToken(text) : text;
  if (!token) throw new AppError("invalid_request", `${path} contains no token`);
  return sendable(token, path);
}

function memberToken(json: string): string | undefined {
  try {
    const { token } = JSON.parse(json) as { token?: unknown };
    return typeof token === "string" ? token : undefined;
  } catch {
    return undefined;
  }
}
