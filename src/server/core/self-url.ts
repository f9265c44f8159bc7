import { hostname, networkInterfaces } from "node:os";
import { isLoopbackHost } from "../../net/provider-url.ts";

/**
 * How to tell whether a URL leads back to this server: by the names it was given, and by this machine's names and
 * addresses with a port it listens on.
 *
 * @param listening the URLs it listens on, as of the call
 */
export function selfTest(
  publicUrls: readonly string[],
  listening: () => readonly string[],
): (url: URL) => boolean {
  const origins = new Set(publicUrls.map((url) => new URL(url).origin));
  const ports = () =>
    listening()
      .filter((url) => url.startsWith("http"))
      .map((url) => new URL(url).port);
  return (url) => origins.has(url.origin) || (isThisMachine(url.hostname) && ports().includes(url.port));
}

function isThisMachine(host: string): boolean {
  const name = host.replace(/^\[|\]$/g, "").toLowerCase();
  const own = Object.values(networkInterfaces()).flatMap((list) =>
    (list ?? []).map(({ address }) => address),
  );
  return (
    isLoopbackHost(host) ||
    name === "0.0.0.0" ||
    name === "::" ||
    name === hostname().toLowerCase() ||
    own.includes(name)
  );
}
