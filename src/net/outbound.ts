import { certificatesIn } from "../certificates.ts";
import type { EndSignal } from "../end-signal.ts";
import { AppError } from "../errors.ts";
import type { HttpProxy, ProxyRule } from "../proxies.ts";
import { createHttpClient, type HttpClientOptions } from "./http1/client.ts";
import type { Exchange, HttpTarget, Timeouts } from "./http1/exchange.ts";
import { HttpFailure } from "./http1/http-failure.ts";
import { TunnelRefused, throughProxy } from "./http1/tunnel.ts";
import { isPrivateAddress } from "./private-address.ts";
import { isForbiddenHost } from "./provider-url.ts";

export { HttpFailure } from "./http1/http-failure.ts";
export type OutboundTimeouts = Timeouts;

export interface OutboundOptions {
  method: "GET" | "HEAD" | "POST" | "PUT" | "DELETE";
  /** Names in lower case. The client sets host and framing headers. Frozen ones are checked and written once. */
  headers: Readonly<Record<string, string>>;
  /** Bytes in several parts are sent one after the other, without a copy. */
  body?: string | readonly Uint8Array[];
  timeouts: OutboundTimeouts;
  signal?: EndSignal;
}

/**
 * Calls a server on the network. All outbound calls of this program go through here. A redirect is returned, not
 * followed. Only http and https are supported. Link-local and metadata addresses are refused, whatever name resolves to
 * them: the address that is checked is the address that is connected to (T05).
 *
 * @throws HttpFailure if there is no response; AppError `invalid_request` for another scheme
 */
export type Outbound = (url: URL, options: OutboundOptions) => Promise<Exchange>;

/**
 * Creates a client for outbound calls.
 *
 * @param options.ca certificates in PEM; they replace the certificate authorities of the system
 * @param options.proxyFor the proxy of each URL; all are called directly if it is left out
 * @param options.isSelf true for a URL that leads to this program, which must not call itself (T105)
 * @param options.network the kind of networks whose addresses are called; all if it is left out (T195)
 * @throws AppError `invalid_request` if `ca` is not one or more certificates in PEM
 */
export function createOutbound(
  options: Pick<HttpClientOptions, "resolve"> & {
    ca?: string;
    isSelf?: (url: URL) => boolean;
    network?: "public" | "private";
    proxyFor?: ProxyRule | undefined;
  } = {},
): Outbound & { close(): void } {
  const { ca, isSelf, network, proxyFor, ...rest } = options;
  const client = createHttpClient({
    ...rest,
    // The server reads responses on their way, so they must not be compressed.
    headers: { "accept-encoding": "identity" },
    ...(ca !== undefined && { tls: { ca: certificatesIn(ca, "the CA") } }),
    checkAddress(address, { port, protocol }) {
      if (isForbiddenHost(address) || (network && isPrivateAddress(address) !== (network === "private")))
        throw new AppError("provider_unreachable", "the address is not allowed");
      const host = address.includes(":") ? `[${address.replace(/%.*/, "")}]` : address;
      if (isSelf?.(new URL(`${protocol}//${host}:${port}`)))
        throw new AppError("loop_detected", "the url leads to this server itself");
    },
  });
  const targets = new WeakMap<URL, HttpTarget>();
  const send: Outbound = (url, options) => {
    let target = targets.get(url);
    if (!target) {
      target = { ...targetOf(url), proxy: proxyFor?.(url) };
      targets.set(url, target);
    }
    const response = client.request(target, options);
    return target.proxy ? withoutLogin(response, target.proxy) : response;
  };
  return Object.assign(send, { close: () => client.close() });
}

async function withoutLogin(response: Promise<Exchange>, proxy: HttpProxy): Promise<Exchange> {
  return refuseLogin(await response, proxy);
}

/** Throws if the response is the proxy's own, which wants a login: the caller must not take it for the provider's. */
function refuseLogin(exchange: Exchange, proxy: HttpProxy): Exchange {
  if (exchange.status !== 407) return exchange;
  exchange.cancel();
  const cause = new TunnelRefused("status: 407");
  throw throughProxy(new HttpFailure("connect", "the proxy requires a login", { cause }), proxy);
}

function targetOf({ protocol, hostname, port, pathname, search }: URL): HttpTarget {
  if (protocol !== "http:" && protocol !== "https:")
    throw new AppError(
      "invalid_request",
      `the scheme ${protocol.slice(0, -1)} is not supported: use http or https`,
    );
  return {
    protocol,
    hostname,
    port: Number(port) || (protocol === "https:" ? 443 : 80),
    path: pathname + search,
  };
}
