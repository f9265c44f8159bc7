import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { plainHost } from "../../../hosts.ts";
import { LoginFailure } from "../../../mcp/oauth/login-failure.ts";
import { type OAuthFetch, oauthFetch } from "../../../mcp/oauth/oauth-fetch.ts";
import type { Outbound } from "../../../net/outbound.ts";
import { isLocalHost, isPrivateAddress } from "../../../net/private-address.ts";

/** Milliseconds in which a server has to show that it is in a private network. */
const timeouts = { connect: 5000, firstByte: 10_000, silence: 5000 };

export interface LoginNetworkOptions {
  /** Calls addresses of every network. */
  outbound: Outbound;
  /** Calls addresses of public networks alone. */
  publicOutbound: Outbound;
  /** Calls addresses of private networks alone. */
  privateOutbound: Outbound;
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
   *
   * @throws LoginFailure if the server's name leads to a private network in which the server does not answer
   */
  async fetchFor(serverUrl: string): Promise<OAuthFetch> {
    const { outbound, publicOutbound } = this.#options;
    const isPrivate = await this.#isPrivate(new URL(serverUrl));
    return oauthFetch(isPrivate ? outbound : publicOutbound);
  }

  async #isPrivate(url: URL): Promise<boolean> {
    const host = plainHost(url.hostname);
    if (isIP(host) !== 0) return isPrivateAddress(host);
    const addresses = await (this.#options.lookUp ?? addressesOf)(host).catch(() => []);
    if (addresses.length === 0 || !addresses.every(isPrivateAddress)) return false;
    if (isLocalHost(host)) return true;
    // Whoever owns a name of the internet says where it leads, and can say so for this one moment (T339).
    if (url.protocol !== "https:") return false;
    await this.#proveAtPrivateAddress(url);
    return true;
  }

  /** Resolves if a server with a certificate for the host of a URL answers at a private address. */
  async #proveAtPrivateAddress(url: URL): Promise<void> {
    try {
      const root = new URL("/", url);
      (await this.#options.privateOutbound(root, { method: "GET", headers: {}, timeouts })).cancel();
    } catch (cause) {
      const message = `${url.host} leads to a private network, and no server with its certificate answers there`;
      throw new LoginFailure(message, { mayPass: true, cause });
    }
  }
}

async function addressesOf(hostname: string): Promise<string[]> {
  return (await lookup(hostname, { all: true })).map(({ address }) => address);
}
