import { isIP } from "node:net";
import { AppError } from "../errors.ts";

/**
 * The base URL of a provider as it is stored: http or https, no credentials, no query, no trailing `/v1` or
 * slash. Private ranges are what a homelab is for; link-local and cloud metadata addresses are refused
 * (T01, T02, T03, T07).
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
 * The URL of one call: base and path joined, and nothing else in between. The pathname is asserted, because URL
 * parsing folds dot segments.
 */
export function providerUrl(base: string, path: string): URL {
  const url = new URL(base + path);
  const expected = new URL(base).pathname.replace(/\/$/, "") + path;
  if (url.pathname !== expected)
    throw new AppError("internal", "the provider's URL would lead somewhere else");
  return url;
}

/** Whether a host of a parsed URL is this machine, whatever the network does. */
export function isLoopbackHost(hostname: string): boolean {
  const host = hostname
    .replace(/^\[|\]$/g, "")
    .replace(/\.$/, "")
    .toLowerCase();
  return host === "localhost" || host === "::1" || (isIP(host) === 4 && host.startsWith("127."));
}

const metadataNames = new Set(["metadata", "metadata.google.internal", "metadata.goog", "instance-data"]);

/** Whether a host of a parsed URL, or a resolved address, is one that nothing of ours ever has to reach. */
export function isForbiddenHost(hostname: string): boolean {
  const host = hostname
    .replace(/^\[|\]$/g, "")
    .replace(/\.$/, "")
    .toLowerCase();
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
  // fe80::/10 is link-local; fd00:ec2::254 answers for metadata on AWS.
  return /^fe[89ab]/.test(host) || host === "fd00:ec2::254";
}

function isForbiddenIpv4(address: string): boolean {
  // 169.254.0.0/16 is link-local, with the metadata service of most clouds in it; 100.100.100.200 is Alibaba's,
  // 192.0.0.192 Oracle's. 0.0.0.0/8 and multicast lead nowhere useful.
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
