import { isIP } from "node:net";
import { hostname } from "node:os";
import { AppError } from "../../errors.ts";

/**
 * Names under which requests are answered (DNS rebinding, T72): localhost, this machine's own, those of
 * `--public-url`, and any IP address, so that a LAN works without configuration.
 *
 * @param publicUrls as given on the command line
 */
export function hostGuard(publicUrls: readonly string[]): (host: string | null) => void {
  const own = hostname().toLowerCase();
  const names = new Set(["localhost", own, own.split(".")[0]!, `${own.split(".")[0]}.local`]);
  for (const url of publicUrls) names.add(new URL(url).hostname.toLowerCase());
  // Every request of a client names the same host: the verdict on it is worth keeping.
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

function misdirected(): AppError {
  return new AppError("misdirected_request", "this server does not answer under that name", {
    hint: "start it with --public-url, or use its IP address",
  });
}

/**
 * Whether a path is written the one way it is to be written. Encoded slashes and dots, backslashes, doubled and
 * trailing slashes, parameters and control characters are not: such a path is not found, and so cannot reach
 * another rule than the plain one (T44).
 */
export function isCanonicalPath(path: string): boolean {
  if (path === "/") return true;
  return (
    !/\/\/|\/$|\\|;|\/\.{1,2}(?:\/|$)|%(?:2f|5c|2e|25|3b|[01][0-9a-f]|7f)/i.test(path) && path.startsWith("/")
  );
}

/** Whether the percent signs of a path stand for UTF-8: the router makes the same of all that do not (T40). */
export function isDecodable(path: string): boolean {
  if (!path.includes("%")) return true;
  try {
    decodeURIComponent(path);
    return true;
  } catch {
    return false;
  }
}

/** The path of an absolute URL, without parsing it: what stands between the host and the query. */
export function pathOf(url: string): string {
  const start = url.indexOf("/", url.indexOf("://") + 3);
  if (start < 0) return "/";
  const end = url.indexOf("?", start);
  return end < 0 ? url.slice(start) : url.slice(start, end);
}
