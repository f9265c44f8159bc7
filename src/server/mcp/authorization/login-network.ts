import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { plainHost } from "../../../hosts.ts";
import { type OAuthFetch, oauthFetch } from "../../../mcp/oauth/oauth-fetch.ts";
import type { Outbound } from "../../../net/outbound.ts";
import { isPrivateAddress } from "../../../net/private-address.ts";

export interface LoginNetworkOptions {
  /** Calls addresses of every network. */
  outbound: Outbound;
  /** Calls addresses of public networks alone. */
  publicOutbound: Outbound;
  /** Returns the addresses of a name. */
  lookUp?: (hostname: string) => Promise<string[]>;
}

/** Calls authorization servers, whose addresses MCP servers and their metadata name. */
export class LoginNetwork {
  readonly #options: LoginNetworkOptions;

  constructor(options: LoginNetworkOptions) {
    this.#options = options;
  }

  /**
   * Returns the `fetch` for a login at an MCP server. Addresses of private networks are called only if the server is in
   * one itself: else a server of the internet could have mcpctl ask machines that it cannot reach (T195).
   */
  async fetchFor(serverUrl: string): Promise<OAuthFetch> {
    const { outbound, publicOutbound } = this.#options;
    const isPrivate = await this.#isPrivate(new URL(serverUrl));
    return oauthFetch(isPrivate ? outbound : publicOutbound);
  }

  async #isPrivate({ hostname }: URL): Promise<boolean> {
    const host = plainHost(hostname);
    if (isIP(host) !== 0) return isPrivateAddress(host);
    const addresses = await (this.#options.lookUp ?? addressesOf)(host).catch(() => []);
    return addresses.length > 0 && addresses.every(isPrivateAddress);
  }
}

async function addressesOf(hostname: string): Promise<string[]> {
  return (await lookup(hostname, { all: true })).map(({ address }) => address);
}
