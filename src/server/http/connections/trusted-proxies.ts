import { BlockList, isIP } from "node:net";
import { AppError } from "../../../errors.ts";

/** Proxies whose word counts about the address of a caller. */
export class TrustedProxies {
  readonly #list = new BlockList();

  /**
   * @param ranges addresses and ranges such as `192.0.2.0/24`
   * @throws AppError `usage` for one that is none
   */
  constructor(ranges: readonly string[]) {
    for (const range of ranges) {
      const [address = "", bits, ...rest] = range.split("/");
      const family = familyOf(address);
      const most = family === "ipv4" ? 32 : 128;
      const length = bits === undefined ? most : /^\d{1,3}$/.test(bits) ? Number(bits) : -1;
      if (!family || rest.length > 0 || length < 0 || length > most)
        throw new AppError("usage", `--trusted-proxy: "${range}" is not an IP address or range`, {
          hint: "for example 192.0.2.1 or 192.0.2.0/24",
        });
      this.#list.addSubnet(address, length, family);
    }
  }

  has(address: string): boolean {
    const family = familyOf(address);
    return family !== undefined && this.#list.check(address, family);
  }

  /**
   * Returns the address of the caller: the last one in `X-Forwarded-For` that is not a trusted proxy itself, if the
   * connection comes from a trusted proxy; otherwise the address of the connection.
   */
  callerOf(address: string, forwardedFor: string | null): string {
    if (forwardedFor === null || !this.has(address)) return address;
    const hops = forwardedFor.split(",").map((hop) => hop.trim());
    const caller = hops.findLast((hop) => !this.has(hop));
    return caller !== undefined && isIP(caller) !== 0 ? caller : address;
  }
}

function familyOf(address: string): "ipv4" | "ipv6" | undefined {
  const version = isIP(address);
  return version === 0 ? undefined : version === 4 ? "ipv4" : "ipv6";
}
