import { createHash } from "node:crypto";
import { isForeignPage } from "../../../wire/incoming-request.ts";
import { bearerBytes, bearerOf } from "../../core/access/bearer.ts";

/**
 * The header with the half of a bearer that the page keeps.
 *
 * The bearer of a browser's session is cut in two halves that tell nothing by themselves: one is in a cookie that
 * scripts cannot read, the other in the storage of the page, which only pages of its own origin can read. Cookies go to
 * every port of a host, and the storage does not; a page of another origin can make the browser send the cookie, but not
 * the other half (T267, T268, T269). The host is mixed in, so that both are worth nothing under another name (T270).
 */
export const pageHeader = "x-mcpctl-page";

/** A bearer as the browser gets it. */
export interface PageHalves {
  /** The value of `set-cookie`. */
  setCookie: string;
  /** The half that the page keeps and sends in the header `x-mcpctl-page`. */
  page: string;
}

/**
 * Cuts the bytes of a bearer in two.
 *
 * @param random fills bytes
 * @param seconds until the session ends
 */
export function cutBearer(
  request: Request,
  publicUrls: readonly string[],
  bytes: Uint8Array,
  random: (bytes: Uint8Array) => Uint8Array,
  seconds: number,
): PageHalves {
  const page = random(new Uint8Array(bearerBytes));
  const cookie = xor(xor(bytes, page), hostBytes(request));
  return { setCookie: setCookie(request, publicUrls, encode(cookie), seconds), page: encode(page) };
}

/**
 * Returns the bearer of a request of the page; undefined if one of the halves is missing or malformed, or if the request
 * comes from a page of another origin.
 */
export function pageBearer(request: Request, publicUrls: readonly string[]): string | undefined {
  const { headers } = request;
  const page = decode(headers.get(pageHeader));
  const cookie = page && decode(cookieNamed(headers.get("cookie"), cookieName(request, publicUrls)));
  if (!cookie) return undefined;
  const site = headers.get("sec-fetch-site");
  if (site !== null && site !== "same-origin") return undefined;
  const origin = headers.get("origin");
  if (origin !== null && isForeignPage(origin, headers.get("host"))) return undefined;
  return bearerOf("ses", xor(xor(cookie, page), hostBytes(request)));
}

/** Returns the headers that make a browser forget its half of a session; none for a program. */
export function forgetPage(request: Request, publicUrls: readonly string[]): Record<string, string> {
  if (!request.headers.has(pageHeader)) return {};
  return { "set-cookie": setCookie(request, publicUrls, "", 0) };
}

function setCookie(request: Request, publicUrls: readonly string[], value: string, seconds: number): string {
  const secure = isSecure(request, publicUrls) ? "; Secure" : "";
  const name = cookieName(request, publicUrls);
  return `${name}=${value}; Path=/; Max-Age=${Math.floor(seconds)}; HttpOnly; SameSite=Strict${secure}`;
}

/** Over TLS no other host of the domain can set it. Without, servers on several ports of one host have one each. */
function cookieName(request: Request, publicUrls: readonly string[]): string {
  const [, port = "80"] = /:(\d+)$/.exec(hostOf(request)) ?? [];
  return isSecure(request, publicUrls) ? "__Host-mcpctl" : `mcpctl-${port}`;
}

/** True if the browser speaks TLS, to this server or to a proxy in front of it. */
function isSecure(request: Request, publicUrls: readonly string[]): boolean {
  const forwarded = request.headers.get("x-forwarded-proto");
  if (forwarded !== null) return /^https\b/i.test(forwarded);
  if (request.url.startsWith("https:")) return true;
  const host = hostOf(request);
  return publicUrls.some((url) => url.startsWith("https:") && new URL(url).host === host);
}

function hostOf(request: Request): string {
  return (request.headers.get("host") ?? "").toLowerCase();
}

function hostBytes(request: Request): Uint8Array {
  return createHash("sha256")
    .update(`page of ${hostOf(request)}`)
    .digest()
    .subarray(0, bearerBytes);
}

function xor(one: Uint8Array, other: Uint8Array): Uint8Array {
  return one.map((byte, i) => byte ^ other[i]!);
}

function encode(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64url");
}

function decode(text: string | null | undefined): Uint8Array | undefined {
  if (!text || !/^[\w-]{27}$/.test(text)) return undefined;
  return new Uint8Array(Buffer.from(text, "base64url"));
}

/** Returns the value of a cookie. One that is there twice, which another host of the domain can cause, counts as none. */
function cookieNamed(header: string | null, name: string): string | undefined {
  const values = (header ?? "")
    .split(/; */)
    .filter((pair) => pair.startsWith(`${name}=`))
    .map((pair) => pair.slice(name.length + 1));
  return values.length === 1 ? values[0] : undefined;
}
