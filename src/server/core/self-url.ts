import { hostname, networkInterfaces } from "node:os";
import { isLoopbackHost, plainHost } from "../../hosts.ts";
import { embeddedIpv4 } from "../../net/provider-url.ts";
import { systemCodeOf } from "../../system-errors.ts";

/**
 * Returns a function that is true for a URL that leads to this server: one of its public URLs, or a name or address
 * of this machine with a port that the server listens on.
 *
 * @param listening returns the URLs that the server listens on now
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
  return (url) => origins.has(url.origin) || (ports().includes(url.port) && isThisMachine(url.hostname));
}

function isThisMachine(host: string): boolean {
  const name = plainHost(host);
  if (name === hostname().toLowerCase()) return true;
  // An address of version 4 may stand in one of version 6.
  return [name, ...embeddedIpv4(name)].some(
    (one) => isLoopbackHost(one) || one === "0.0.0.0" || one === "::" || ownAddresses().includes(one),
  );
}

let lastAddresses: string[] = [];

/** Returns the addresses of this machine: those of the last time if no descriptor is left to ask for them. */
function ownAddresses(): string[] {
  try {
    lastAddresses = Object.values(networkInterfaces()).flatMap((list) =>
      (list ?? []).map(({ address }) => address),
    );
  } catch (error) {
    if (systemCodeOf(error) === undefined) throw error;
  }
  return lastAddresses;
}
