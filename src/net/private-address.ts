import { BlockList, isIP } from "node:net";
import { plainHost } from "../hosts.ts";
import { embeddedIpv4 } from "./provider-url.ts";

const privateNetworks = new BlockList();
for (const [network, prefix] of [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
] as const)
  privateNetworks.addSubnet(network, prefix, "ipv4");
for (const [network, prefix] of [
  ["::", 127],
  ["fc00::", 7],
  ["fe80::", 10],
] as const)
  privateNetworks.addSubnet(network, prefix, "ipv6");

/**
 * Returns true if an address is of no public network: of this machine, of a local network, or of a provider's own (RFC
 * 6890). An IPv6 address counts by the IPv4 address that it stands for, too.
 */
export function isPrivateAddress(address: string): boolean {
  const host = plainHost(address).replace(/%.*$/, "");
  const family = isIP(host);
  if (family === 4) return privateNetworks.check(host, "ipv4");
  if (family === 0) return false;
  return (
    privateNetworks.check(host, "ipv6") ||
    embeddedIpv4(host).some((one) => privateNetworks.check(one, "ipv4"))
  );
}

/** Names that only a local network has: single words, and those of domains that nobody can register. */
const localName = /^[^.]+$|\.(?:local|localhost|lan|home|internal|intranet|home\.arpa)$/;

/** True if a host of a URL is in a local network as far as its name tells: the internet cannot reach it. */
export function isLocalHost(hostname: string): boolean {
  const host = plainHost(hostname);
  return isIP(host) === 0 ? localName.test(host) : isPrivateAddress(host);
}
