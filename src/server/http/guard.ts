import { isIP } from "node:net";
import { hostname } from "node:os";
import { AppError } from "../../errors.ts";
import { modelsPath } from "../../wire/dialects/operations.ts";
import { isForeignPage } from "../../wire/incoming-request.ts";

/**
 * Returns a function that throws AppError unless a Host header is localhost, a name of this machine, a host of
 * `--public-url` or an IP address, with which a LAN works without configuration. It protects against DNS rebinding (T72).
 *
 * @param publicUrls as given on the command line
 */
export function hostGuard(publicUrls: readonly string[]): (host: string | null) => void {
  const own = hostname().toLowerCase();
  const names = new Set(["localhost", own, own.split(".")[0]!, `${own.split(".")[0]}.local`]);
  for (const url of publicUrls) names.add(new URL(url).hostname.toLowerCase());
  // Every request of a client has the same host, so its check is remembered.
  let last: string | null = null;
  return (host) => {
    if (host === last && host !== null) return;
    if (host === null || !/^(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(:\d{1,5})?$/i.test(host)) throw misdirected();
    const name = host.replace(/:\d+$/, "").replace(/\.$/, "").toLowerCase();
    if (!names.has(name) && !name.endsWith(".localhost") && isIP(name.replace(/^\[|\]$/g, "")) === 0)
      throw misdirected();
    last = host;
  };
}

/** Methods that change nothing. */
const reading: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS"]);

/**
 * Returns a function that refuses requests of web pages of other origins, unless they only read: whatever changes
 * something, and every upgrade (T73). Programs send no Origin, or one that is no web address. A sandboxed page and a
 * local file send `null`.
 *
 * @param publicUrls as given on the command line
 */
export function originGuard(publicUrls: readonly string[]): (request: Request) => void {
  const own = new Set(publicUrls.map((url) => new URL(url).origin));
  return ({ headers, method }) => {
    const origin = headers.get("origin");
    if (origin === null || (reading.has(method) && !headers.has("upgrade"))) return;
    if (!isForeignPage(origin, headers.get("host")) || own.has(origin)) return;
    throw new AppError("forbidden", "requests of web pages of other origins are refused", {
      hint: "if the page is served under the name of this server, start the server with --public-url",
    });
  };
}

function misdirected(): AppError {
  return new AppError("misdirected_request", "this server does not answer requests for that host name", {
    hint: "start it with --public-url, or use its IP address",
  });
}

/**
 * Returns true if a path is in its canonical form: without encoded slashes and dots, backslashes, doubled and trailing
 * slashes, parameters and control characters. Other paths are not found, so that the rules of a path cannot be avoided
 * by another spelling (T44).
 */
export function isCanonicalPath(path: string): boolean {
  if (path === "/") return true;
  return (
    !/\/\/|\/$|\\|;|\/\.{1,2}(?:\/|$)|%(?:2f|5c|2e|25|3b|[01][0-9a-f]|7f)/i.test(path) && path.startsWith("/")
  );
}

/**
 * Returns a path with the slashes of a model's name as they are: clients encode those of `meta/llama-3`. Whatever stands
 * behind the path of the list of models is a model's name to its routes, so no rule is avoided by it.
 */
export function withPlainModel(path: string): string {
  return path.startsWith(`${modelsPath}/`) ? path.replace(/%2f/gi, "/") : path;
}

/** Returns true if the percent-encoding of a path is valid UTF-8. The router would treat all invalid ones alike (T40). */
export function isDecodable(path: string): boolean {
  if (!path.includes("%")) return true;
  try {
    decodeURIComponent(path);
    return true;
  } catch {
    return false;
  }
}

/** Returns the path of an absolute URL without parsing it. */
export function pathOf(url: string): string {
  const start = url.indexOf("/", url.indexOf("://") + 3);
  if (start < 0) return "/";
  const end = url.indexOf("?", start);
  return end < 0 ? url.slice(start) : url.slice(start, end);
}
