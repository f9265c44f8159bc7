/** Returns true if the host of a parsed URL is this machine: `localhost` or a loopback address. */
export function isLoopbackHost(hostname: string): boolean {
  const host = plainHost(hostname);
  return host === "localhost" || host === "::1" || /^127(\.\d{1,3}){3}$/.test(host);
}

/** Returns a host without the brackets of IPv6 and without the final dot of a name, in lower case. */
export function plainHost(hostname: string): string {
  return hostname
    .replace(/^\[|\]$/g, "")
    .replace(/\.$/, "")
    .toLowerCase();
}
