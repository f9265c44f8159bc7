import { isIP } from "node:net";
import { AppError } from "../errors.ts";

/**
 * Normalises the base URL of a provider: http or https, without credentials, without a query, without a trailing `/v1`
 * or slash. Private addresses are allowed, because the providers of a homelab have them. Link-local and cloud metadata
 * addresses are refused (T01, T02, T03, T07).
 *
 * @throws AppError `invalid_request`
 */
export function normaliseProviderUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url) throw refused("is not a URL");
  if (url.protocol !== "http:" && url.protocol !== "https:") throw refused("must be http or https");
  if (url.username || url.password) throw refused("must not contain credentials");
  if (url.search || url.hash) throw refused("must not have a query or fragment");
  if (isForbiddenHost(url.hostname)) throw refused("points at a link-local or metadata address");
  const path = url.pathname.replace(/\/+$/, "").replace(/\/v1$/, "");
  return `${url.origin}${path.replace(/\/+$/, "")}`;
}

/**
 * Joins the base URL and the path of one call. URL parsing removes dot segments, so the result is compared with both.
 *
 * @throws AppError `internal` if the joined URL has another path
 */
export function providerUrl(base: string, path: string): URL {
  const url = new URL(base + path);
  const expected = new URL(base).pathname.replace(/\/$/, "") + path;
  if (url.pathname !== expected)
    throw new AppError("internal", "the provider's URL would lead somewhere else");
  return url;
}

/** Returns true if the host of a parsed URL is this machine: `localhost` or a loopback address. */
export function isLoopbackHost(hostname: string): boolean {
  const host = plainHost(hostname);
  return host === "localhost" || host === "::1" || (isIP(host) === 4 && host.startsWith("127."));
}

const metadataNames = new Set(["metadata", "metadata.google.internal", "metadata.goog", "instance-data"]);

/** Returns true if the host of a parsed URL, or a resolved address, may never be connected to. */
export function isForbiddenHost(hostname: string): boolean {
  const host = plainHost(hostname);
  const family = isIP(host);
  if (family === 4) return isForbiddenIpv4(host);
  if (family === 0) return metadataNames.has(host);
  const mapped = /^::(?:ffff:)?([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(
    new URL(`http://[${host}]`).hostname.slice(1, -1),
  );
  if (mapped) {
    const [high, low] = [Number.parseInt(mapped[1]!, 16), Number.parseInt(mapped[2]!, 16)];
    return isForbiddenIpv4([high >> 8, high & 255, low >> 8, low & 255].join("."));
  }
  // fe80::/10 is link-local; fd00:ec2::254 is the metadata service of AWS.
  return /^fe[89ab]/.test(host) || host === "fd00:ec2::254";
}

/** Returns a host without the brackets of IPv6 and without the final dot of a name, in lower case. */
function plainHost(hostname: string): string {
  return hostname
    .replace(/^\[|\]$/g, "")
    .replace(/\.$/, "")
    .toLowerCase();
}

function isForbiddenIpv4(address: string): boolean {
  // 169.254.0.0/16 is link-local and has the metadata service of most clouds. 100.100.100.200 is the one of Alibaba,
  // 192.0.0.192 the one of Oracle. No provider has a multicast or reserved address.
  return (
    address.startsWith("169.254.") ||
    address === "100.100.100.200" ||
    address === "192.0.0.192" ||
    (Number(address.split(".")[0]) >= 224 && address !== "255.255.255.255")
  );
}

function refused(reason: string): AppError {
  return new AppError("invalid_request", `the url ${reason}`, {
    details: [{ path: "/url", message: reason }],
  });
}
