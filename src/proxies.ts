import { AppError } from "./errors.ts";
import { isLoopbackHost, plainHost } from "./hosts.ts";

/** An HTTP proxy. */
export interface HttpProxy {
  /** With user and password: for Bun's `fetch` and `WebSocket`, never for an error or a log. */
  url: string;
  /** For errors and logs: `proxy.example.org:3128`. */
  name: string;
  hostname: string;
  port: number;
  /** The value of the header `proxy-authorization`. */
  authorization?: string;
}

/**
 * Returns the proxy for a URL; undefined if it is called directly.
 *
 * @throws AppError `usage` if the variable that holds for the URL does not name a proxy
 */
export type ProxyRule = (url: URL) => HttpProxy | undefined;

type Environment = Readonly<Record<string, string | undefined>>;

const variables = ["http_proxy", "https_proxy", "all_proxy", "no_proxy"] as const;
type Variable = (typeof variables)[number];

/**
 * Reads HTTP_PROXY, HTTPS_PROXY, ALL_PROXY, which stands in for both, and NO_PROXY. A name in lower case goes before the same one in capitals. This machine is
 * never called through a proxy.
 */
export function proxyRule(env: Environment): ProxyRule {
  const read = (name: Variable) => env[name]?.trim() || env[name.toUpperCase()]?.trim();
  const known = new Map<string, HttpProxy>();
  const proxyIn = (own: Variable) => {
    const name = read(own) ? own : "all_proxy";
    const text = read(name);
    if (!text) return undefined;
    const proxy = known.get(text) ?? parseProxy(text, env[name]?.trim() ? name : name.toUpperCase());
    known.set(text, proxy);
    return proxy;
  };
  const isExcluded = exclusion(read("no_proxy") ?? "");
  return (url) => {
    const isPlain = url.protocol === "http:" || url.protocol === "ws:";
    if (isThisMachine(url.hostname) || isExcluded(url)) return undefined;
    return proxyIn(isPlain ? "http_proxy" : "https_proxy");
  };
}

/**
 * Returns a copy of an environment, and removes the variables of proxies from the environment itself: Bun's `fetch` reads
 * them by a rule of its own, which has other forms of NO_PROXY and does not hold for WebSockets.
 */
export function takeEnvironment(env: Record<string, string | undefined>): Environment {
  const copy = { ...env };
  for (const name of variables) {
    delete env[name];
    delete env[name.toUpperCase()];
  }
  return copy;
}

function isThisMachine(hostname: string): boolean {
  const host = plainHost(hostname);
  return isLoopbackHost(host) || host.endsWith(".localhost") || host === "0.0.0.0" || host === "::";
}

/** Parses `http://user:password@proxy:3128`, or `proxy:3128`. The error does not repeat the value: it has a password. */
function parseProxy(text: string, variable: string): HttpProxy {
  const url = URL.parse(/^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`);
  if (url?.protocol !== "http:" || url.hostname === "")
    throw new AppError("usage", `${variable} is not the address of an HTTP proxy`, {
      hint: "write http://proxy:3128; proxies with TLS and SOCKS proxies are not supported",
    });
  const port = Number(url.port) || 80;
  const credentials = `${decoded(url.username)}:${decoded(url.password)}`;
  return {
    url: url.origin.replace("://", credentials === ":" ? "://" : `://${url.username}:${url.password}@`),
    name: `${url.hostname}:${port}`,
    hostname: plainHost(url.hostname),
    port,
    ...(credentials !== ":" && { authorization: `Basic ${Buffer.from(credentials).toString("base64")}` }),
  };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Loaded for NO_PROXY only: loading it takes a tenth of the time of a whole `mcpctl get`. */
const net = () => process.getBuiltinModule("node:net");

/** One entry of NO_PROXY: true if it holds for a host and a port. */
type Entry = (host: string, port: string) => boolean;

/**
 * Parses NO_PROXY: entries with commas or spaces between them. `*` is every host. `example.org`, `.example.org` and
 * `*.example.org` are the name and all names below it. `10.0.0.7` and `::1` are addresses, `10.0.0.0/8` and `fd00::/8`
 * networks. Each may have a port. Names are not resolved.
 */
function exclusion(text: string): (url: URL) => boolean {
  const entries = text
    .split(/[\s,]+/)
    .filter((entry) => entry !== "")
    .map(parseEntry);
  return ({ protocol, hostname, port }) => {
    const usual = protocol === "http:" || protocol === "ws:" ? "80" : "443";
    return entries.some((entry) => entry(plainHost(hostname), port || usual));
  };
}

function parseEntry(text: string): Entry {
  if (text === "*") return () => true;
  const { isIP } = net();
  const isBare = isIP(text) === 6 || isIP(text.replace(/\/\d+$/, "")) === 6;
  const [, name = text, wantedPort] = (isBare ? null : /^(.*?)(?::(\d+))?$/.exec(text)) ?? [];
  const host = plainHost(name.replace(/^\*?\./, ""));
  const matches = hostEntry(host);
  return (called, port) => (wantedPort === undefined || wantedPort === port) && matches(called);
}

function hostEntry(host: string): (called: string) => boolean {
  const { BlockList, isIP } = net();
  const [network = "", bits] = host.split("/");
  const family = isIP(network);
  if (family === 0) return (called) => called === host || called.endsWith(`.${host}`);
  const list = new BlockList();
  const type = family === 4 ? "ipv4" : "ipv6";
  const longest = family === 4 ? 32 : 128;
  if (bits === undefined) list.addAddress(network, type);
  else if (/^\d{1,3}$/.test(bits) && Number(bits) <= longest) list.addSubnet(network, Number(bits), type);
  return (called) => isIP(called) === family && list.check(called, type);
}
