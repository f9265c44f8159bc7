import { type NetworkInterfaceInfo, networkInterfaces } from "node:os";

/**
 * Returns the URL at which the other servers on the database reach this one, if none is given: that of its listener. A
 * listener on all addresses is reached at the first one that is not of this machine alone.
 *
 * @param listening `http://0.0.0.0:7777`
 */
export function nodeUrl(
  listening: string,
  interfaces: NodeJS.Dict<NetworkInterfaceInfo[]> = networkInterfaces(),
): string {
  const url = new URL(listening);
  if (!["0.0.0.0", "[::]"].includes(url.hostname)) return url.origin;
  const outer = Object.values(interfaces)
    .flatMap((some) => some ?? [])
    .filter(({ internal }) => !internal);
  const chosen = outer.find(({ family }) => family === "IPv4") ?? outer.find(({ scopeid }) => scopeid === 0);
  if (!chosen) url.hostname = "127.0.0.1";
  else url.hostname = chosen.family === "IPv6" ? `[${chosen.address}]` : chosen.address;
  return url.origin;
}
