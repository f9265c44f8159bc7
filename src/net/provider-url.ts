import { isIP } from "node:net";
import { AppError } from "../errors.ts";
import { plainHost } from "../hosts.ts";

/** A path that people copy from an example of a call. */
const callPath = /\/(?:chat\/completions|completions|responses|messages|embeddings|models)$/;

/**
 * Normalises the base URL of a provider: http or https, without credentials, without a query, without the path of a
 * call, a trailing `/v1` or slash. Private addresses are allowed, because the providers of a homelab have them. Link-local and cloud metadata
 * addresses are refused (T01, T02, T03, T07).
 *
 * @throws AppError `invalid_request`
 */
export function normaliseProviderUrl(text: string): string {
  const url = allowedUrl(text);
  if (url.search || url.hash) throw refused("must not have a query or fragment");
  const path = url.pathname.replace(/\/+$/, "").replace(callPath, "").replace(/\/v1$/, "");
  return `${url.origin}${path.replace(/\/+$/, "")}`;
}

/** Names of parameters whose values are credentials: `apiKey`, `access_token`, `x-auth`. */
const credentialName =
  /(^|[-_.])(key|token|secret|password|passwd|pass|auth|authorization|sig|signature|credentials?)$/;

/**
 * Normalises the URL of an MCP server. It may have a query, as some services need it, but no credentials: these go into
 * headers, where they are read from a secret (T135).
 *
 * @throws AppError `invalid_request`
 */
export function normaliseMcpUrl(text: string): string {
  const url = allowedUrl(text);
  if (url.hash) throw refused("must not have a fragment");
  for (const name of url.searchParams.keys()) {
    const words = name.replace(/([a-z0-9])([A-Z])/g, "$1-$2").toLowerCase();
    if (credentialName.test(words) || /^api[-_]?key/.test(words))
      throw refused("must not contain credentials: put them into headers, from a secret");
  }
  return url.href;
}

/** Returns a URL that may be called: http or https, without user and password, and not of a forbidden address. */
function allowedUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url) throw refused("is not a URL");
  if (url.protocol !== "http:" && url.protocol !== "https:")
    throw refused("must begin with http:// or https://");
  if (url.username || url.password) throw refused("must not contain credentials");
  if (isForbiddenHost(url.hostname)) throw refused("points at a link-local or metadata address");
  return url;
}

/** A version at the end of a base URL, where it stands for `/v1`: `/v4`, `/v1beta/openai`. */
const ownVersion = /\/v\d+[a-z0-9]*(?:\/openai)?$/;

/**
 * Joins the base URL and the path of one call. URL parsing removes dot segments, so the result is compared with both.
 *
 * @param isUnversioned True for a provider whose paths have no `/v1`. A base URL with a version of its own shows it.
 * @throws AppError `internal` if the joined URL has another path
 */
export function providerUrl(base: string, path: string, isUnversioned = ownVersion.test(base)): URL {
  const own = isUnversioned ? path.replace(/^\/v1(?=\/)/, "") : path;
  const url = new URL(base + own);
  const expected = new URL(base).pathname.replace(/\/$/, "") + own;
  if (url.pathname !== expected)
    throw new AppError("internal", "the provider's URL would lead somewhere else");
  return url;
}

const metadataNames = new Set(["metadata", "metadata.google.internal", "metadata.goog", "instance-data"]);

/** Returns true if the host of a parsed URL, or a resolved address, may never be connected to. */
export function isForbiddenHost(hostname: string): boolean {
  const host = plainHost(hostname);
  const family = isIP(host);
  if (family === 4) return isForbiddenIpv4(host);
  if (family === 0) return metadataNames.has(host);
  const groups = groupsOf(host);
  if (groups === undefined) return true;
  return isForbiddenIpv6(groups) || embeddedIn(groups).some(isForbiddenIpv4);
}

/** Returns the IPv4 addresses that an IPv6 address stands for. */
export function embeddedIpv4(address: string): string[] {
  return embeddedIn(groupsOf(address) ?? []);
}

/** Returns the eight 16-bit groups of an IPv6 address; undefined if it cannot be read. A zone is left out. */
function groupsOf(address: string): number[] | undefined {
  const url = URL.parse(`http://[${address.replace(/%.*$/, "")}]`);
  if (!url) return undefined;
  const [head = "", tail] = url.hostname.slice(1, -1).split("::");
  const parse = (text: string) =>
    text === "" ? [] : text.split(":").map((group) => Number.parseInt(group, 16));
  const [first, last] = [parse(head), parse(tail ?? "")];
  return tail === undefined ? first : [...first, ...Array(8 - first.length - last.length).fill(0), ...last];
}

/** The metadata services of clouds that have an address among those of local networks. */
const metadataServices: ReadonlySet<string> = new Set(
  [
    "fd00:c1::a9fe:a9fe", // Oracle
    "fd00:42::42", // Scaleway
    "fd00:a9fe:a9fe::1", // Akamai, which was Linode
    "fd00:100::100:200", // Alibaba
  ].map((address) => groupsOf(address)!.join(":")),
);

/** True for link-local and multicast addresses, and for the networks in which clouds have metadata services. */
function isForbiddenIpv6(groups: readonly number[]): boolean {
  const [first = 0, second = 0] = groups;
  const isLinkLocal = (first & 0xffc0) === 0xfe80;
  const isMulticast = first >= 0xff00;
  // AWS has its services in fd00:ec2::/32, Google Cloud has fd20:ce::254.
  const isAws = first === 0xfd00 && second === 0x0ec2;
  const isGoogle = first === 0xfd20 && second === 0x00ce;
  return isLinkLocal || isMulticast || isAws || isGoogle || metadataServices.has(groups.join(":"));
}

/**
 * Returns the IPv4 addresses that an IPv6 address stands for: mapped and compatible ones (RFC 4291), NAT64 of both
 * prefixes (RFC 6052, RFC 8215), translated ones (RFC 2765), 6to4 (RFC 3056) and the server and client of Teredo (RFC 4380).
 */
function embeddedIn(groups: readonly number[]): string[] {
  const dotted = (high = 0, low = 0) => [high >> 8, high & 255, low >> 8, low & 255].join(".");
  const startsWith = (...prefix: number[]) => prefix.every((group, index) => groups[index] === group);
  const last = dotted(groups[6], groups[7]);
  const isMapped = startsWith(0, 0, 0, 0, 0) && (groups[5] === 0 || groups[5] === 0xffff);
  const isTranslated = startsWith(0, 0, 0, 0, 0xffff, 0);
  // The prefix for local use may be shorter, which puts the address further left.
  const [, , , third = 0, fourth = 0, fifth = 0] = groups;
  if (startsWith(0x64, 0xff9b, 1)) return [last, dotted(third, ((fourth & 255) << 8) | (fifth >> 8))];
  if (isMapped || isTranslated || startsWith(0x64, 0xff9b)) return [last];
  if (startsWith(0x2002)) return [dotted(groups[1], groups[2])];
  if (startsWith(0x2001, 0))
    return [dotted(groups[2], groups[3]), dotted(groups[6]! ^ 0xffff, groups[7]! ^ 0xffff)];
  return [];
}

function isForbiddenIpv4(address: string): boolean {
  // 169.254.0.0/16 is link-local and has the metadata service of most clouds. 100.100.100.200 is the one of Alibaba,
  // 192.0.0.192 the one of Oracle, 168.63.129.16 that of Azure. No provider has a multicast or reserved address.
  return (
    address.startsWith("169.254.") ||
    address === "100.100.100.200" ||
    address === "192.0.0.192" ||
    address === "168.63.129.16" ||
    Number(address.split(".")[0]) >= 224
  );
}

function refused(reason: string): AppError {
  return new AppError("invalid_request", `the url ${reason}`, {
    details: [{ path: "/url", message: reason }],
  });
}
