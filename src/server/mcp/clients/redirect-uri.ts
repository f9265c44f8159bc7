import { isLoopbackHost } from "../../../hosts.ts";

/** The longest redirect URI. */
const longest = 500;

/** A URI with a scheme and no other characters than those of URIs (RFC 3986): readers take others in different ways. */
const plain = /^[a-z][a-z0-9+.-]*:[!#-;=?-[\]_a-z~]+$/i;

/** Schemes of which a browser or a system makes more than opening an application. */
const dangerous =
  /^(?:javascript|vbscript|data|file|filesystem|blob|about|view-source|jar|res|ftp|wss?|chrome.*|edge|opera|moz-.*|resource|intent|android-app|mailto|tel|sms|ms-.*|search-ms|search|shell|ldap|ssh|telnet|smb|nfs|git|mhtml|wyciwyg|help|hcp|content):$/;

/** The place that a redirect URI leads to. `loopback`: a program on the machine of the browser; `app`: an application there. */
export type RedirectKind = "web" | "loopback" | "app";

/**
 * Returns the kind of a redirect URI; undefined for one that is not accepted: https, http to the machine of the browser, or
 * a scheme of an application (RFC 8252), without a fragment and without a password.
 */
export function redirectKind(uri: string): RedirectKind | undefined {
  if (uri.length > longest || !plain.test(uri) || uri.includes("#")) return undefined;
  const url = URL.parse(uri);
  if (url?.username !== "" || url.password !== "") return undefined;
  if (url.protocol === "https:") return /^https:\/\/[^/]/i.test(uri) ? "web" : undefined;
  if (url.protocol === "http:") return isLoopbackHost(url.hostname) ? "loopback" : undefined;
  // `cursor://…` and `com.example.app:/…`, and nothing that is no path, as `javascript:…`.
  return dangerous.test(url.protocol) || !/^[a-z][a-z0-9+.-]{2,}:\/./i.test(uri) ? undefined : "app";
}

/**
 * True if a client has a redirect URI: the same letter by letter. Of an address of the browser's machine the port may be
 * another one, because programs take a free one (RFC 8252 section 7.3).
 */
export function isRegistered(uri: string, registered: readonly string[]): boolean {
  if (redirectKind(uri) === undefined) return false;
  return registered.some((one) => one === uri || (isLoopback(uri) && withoutPort(one) === withoutPort(uri)));
}

/** Returns the place of a redirect URI in words for people: its host, or the scheme of its application. */
export function redirectPlace(uri: string): string {
  const { protocol, host } = new URL(uri);
  return redirectKind(uri) === "app" ? protocol : host;
}

/** Returns a redirect URI with parameters added to its query. */
export function redirectWith(uri: string, parameters: Readonly<Record<string, string | undefined>>): string {
  const given = Object.entries(parameters).filter(
    (entry): entry is [string, string] => entry[1] !== undefined,
  );
  return `${uri}${uri.includes("?") ? "&" : "?"}${new URLSearchParams(given)}`;
}

function isLoopback(uri: string): boolean {
  return redirectKind(uri) === "loopback";
}

/** Returns an address of the browser's machine without its port; anything else as it is. */
function withoutPort(uri: string): string {
  return isLoopback(uri) ? uri.replace(/^(http:\/\/(?:\[[^\]]*\]|[^/:?]*)):\d*/i, "$1") : uri;
}
