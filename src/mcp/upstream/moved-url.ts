import type { WireResponse } from "./wire.ts";

/** Statuses with which a server says that the same request belongs to another address (RFC 9110 section 15.4). */
const statuses: ReadonlySet<number> = new Set([307, 308]);

/**
 * Returns the address on the same host to which a server sends a request on, as frameworks do from `/mcp` to `/mcp/`.
 * Undefined for another host, which would get the headers with the keys in them (T288): only the path is taken, because
 * a server behind a proxy often names the wrong scheme or port.
 */
export function movedUrl({ status, headers }: WireResponse, url: URL): URL | undefined {
  const location = statuses.has(status) ? headers.get("location") : undefined;
  if (!location || !URL.canParse(location, url.href)) return undefined;
  const { hostname, pathname, search, protocol } = new URL(location, url.href);
  if (hostname !== url.hostname || !/^https?:$/.test(protocol)) return undefined;
  const moved = new URL(pathname + search, url.origin);
  return moved.href === url.href || moved.origin !== url.origin ? undefined : moved;
}
