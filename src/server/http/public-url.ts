import type { Server } from "./server.ts";

/**
 * Returns the URL of this server as the caller of a request knows it, without a slash at its end: the public URL of the
 * host that the request names, else the first public URL, else the address that the request was sent to. A proxy with TLS
 * in front may say that the caller spoke https.
 */
export function baseOf({ publicUrls }: Pick<Server, "publicUrls">, request: Request): string {
  const { origin, host } = new URL(request.url);
  const publicUrl = publicUrls.find((url) => new URL(url).host === host) ?? publicUrls[0];
  if (publicUrl !== undefined) return plain(publicUrl);
  const isForwarded = /^https\b/i.test(request.headers.get("x-forwarded-proto") ?? "");
  return isForwarded ? origin.replace(/^http:/, "https:") : origin;
}

/** Returns all URLs under which the caller of a request may know this server. */
export function basesOf(server: Pick<Server, "publicUrls">, request: Request): string[] {
  return [...new Set([baseOf(server, request), ...server.publicUrls.map(plain)])];
}

function plain(url: string): string {
  return url.replace(/\/+$/, "");
}
