import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { AppError } from "../../errors.ts";
import type { Endpoint } from "./client.ts";
import { type Config, type ContextEntry, readConfig, readToken } from "./config.ts";

const fallback = "http://127.0.0.1:7777";

/** The parts of a command's context that say where its server is. */
interface Surroundings {
  env: Readonly<Record<string, string | undefined>>;
  /** `~/.mcpctl`, or the folder that MCPCTL_HOME names. */
  home: string;
  cwd: string;
  flags: { server: string | undefined; context: string | undefined; tokenFile: string | undefined };
}

/**
 * Which server, and with which bearer.
 *
 * Server: `--server`, then `--context`, MCPCTL_SERVER, MCPD_URL, the current context, a Unix socket of this machine
 * that can be opened, http://127.0.0.1:7777. Token: `--token-file`, MCPCTL_TOKEN, the context's own file,
 * credentials.json.
 *
 * @throws AppError when what was said to be there is not, or is not safe to use
 */
export async function resolveEndpoint(surroundings: Surroundings): Promise<Endpoint> {
  const server = await findServer(surroundings);
  const token = findToken(surroundings, server);
  return { url: server.url, ...(server.origin && { origin: server.origin }), ...(token && { token }) };
}

/** Where a server is, for a program that outlives its bearer. */
export interface AgentEndpoint extends Omit<Endpoint, "token"> {
  /** Reads the bearer as it is now. Throws AppError `unauthenticated` where there is none. */
  token(): string;
}

/**
 * The same for an agent, which is somebody by its bearer: no Unix socket is looked for.
 *
 * @throws AppError `usage` for a Unix socket that was asked for
 */
export async function resolveForAgent(surroundings: Surroundings): Promise<AgentEndpoint> {
  const server = await findServer(surroundings, { sockets: false });
  if (server.url.startsWith("unix:"))
    throw new AppError("usage", "an agent cannot attach to a Unix socket", {
      hint: "give it the server's http address: --server http://127.0.0.1:7777",
    });
  const token = () => {
    const found = findToken(surroundings, server);
    if (found) return found;
    throw new AppError("unauthenticated", `an agent needs a bearer for ${server.url}, and there is none`, {
      hint: `mcpctl login --server ${server.url}, or make a token: mcpctl create token my-agent --bind role:expose,resource:llms`,
    });
  };
  return { url: server.url, ...(server.origin && { origin: server.origin }), token };
}

interface Server {
  url: string;
  origin?: string;
  /** The context it comes from. */
  context?: ContextEntry;
}

async function findServer(
  { env, flags, home }: Surroundings,
  { sockets: tryingSockets } = { sockets: true },
): Promise<Server> {
  if (flags.server) return { url: checked(flags.server, "--server") };
  if (flags.context) return fromContext(readConfig(home), flags.context, home);
  for (const name of ["MCPCTL_SERVER", "MCPD_URL"])
    if (env[name]) return { url: checked(env[name], name), origin: name };
  const config = readConfig(home);
  if (config.currentContext) return fromContext(config, config.currentContext, home);
  for (const path of tryingSockets ? sockets(env, home) : [])
    if (existsSync(path) && (await canOpen(path))) return { url: `unix://${path}` };
  return { url: fallback };
}

function sockets(env: Surroundings["env"], home: string): string[] {
  const folders = [env["MCPCTL_DATA_DIR"], join(home, "server"), "/var/lib/mcpctl"];
  return folders.flatMap((folder) => (folder ? [join(folder, "mcpctl.sock")] : []));
}

/** A socket may be closed to us, or left over from a server that was killed. */
async function canOpen(path: string): Promise<boolean> {
  try {
    const socket = await Bun.connect({ unix: path, socket: { data() {}, error() {} } });
    socket.end();
    return true;
  } catch {
    return false;
  }
}

function fromContext(config: Config, name: string, home: string): Server {
  const entry = config.contexts[name];
  if (!entry)
    throw new AppError("invalid_request", `no context "${name}" in ${join(home, "config.json")}`, {
      hint: "see: mcpctl config get-contexts",
    });
  return { url: checked(entry.server, `context "${name}"`), origin: `context "${name}"`, context: entry };
}

/** A URL we can speak to, without what follows the host. Throws AppError `usage` that says where it came from. */
export function checked(text: string, source: string): string {
  if (text.startsWith("unix:///")) return text;
  const url = URL.parse(text);
  if (url && (url.protocol === "http:" || url.protocol === "https:")) return url.origin;
  throw new AppError("usage", `${source}: "${text}" is no server`, {
    hint: "write http://host:7777, https://host or unix:///path/to/mcpctl.sock",
  });
}

function findToken({ env, flags, home, cwd }: Surroundings, { url, context }: Server): string | undefined {
  if (flags.tokenFile) return tokenIn(resolve(cwd, flags.tokenFile));
  if (env["MCPCTL_TOKEN"]) return env["MCPCTL_TOKEN"].trim();
  if (context?.tokenFile) return tokenIn(resolve(home, context.tokenFile));
  // Whoever can open the socket is the administrator; a login left over from elsewhere must not be in the way.
  return url.startsWith("unix:") ? undefined : readToken(home, url);
}

/** A file with nothing but the bearer in it, or one shaped like credentials.json. */
function tokenIn(path: string): string {
  let text: string;
  try {
    text = readFileSync(path, "utf8").trim();
  } catch (cause) {
    throw new AppError("invalid_request", `cannot read the token file ${path}`, { cause });
  }
  if (!text.startsWith("{")) return text;
  try {
    return String((JSON.parse(text) as { token: unknown }).token);
  } catch {
    throw new AppError("invalid_request", `${path} holds no token`);
  }
}
