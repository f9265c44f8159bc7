import { X509Certificate } from "node:crypto";
import { AppError } from "../errors.ts";
import { createHttpClient, type HttpClientOptions } from "./http1/client.ts";
import type { Exchange, Target, Timeouts } from "./http1/exchange.ts";
import { isForbiddenHost } from "./provider-url.ts";

export { HttpFailure } from "./http1/http-failure.ts";
export type OutboundTimeouts = Timeouts;

export interface OutboundOptions {
  method: "GET" | "HEAD" | "POST" | "PUT" | "DELETE";
  /** Names in lower case; host and framing are set for you. */
  headers: Record<string, string>;
  body?: string;
  timeouts: OutboundTimeouts;
  signal?: AbortSignal;
}

/**
 * Makes a call to somebody else's server: the only way out of this program. No redirect is followed, no scheme but
 * http and https is spoken, and no link-local or metadata address is connected to, whatever a name resolves to:
 * what is checked is what is connected to (T05).
 *
 * @throws HttpFailure when there is no answer; AppError `invalid_request` for another scheme
 */
export type Outbound = (url: URL, options: OutboundOptions) => Promise<Exchange>;

/**
 * @param options.ca certificates in PEM, which are trusted instead of those that the system knows
 * @throws AppError `invalid_request` for a `ca` that is not
 */
export function createOutbound(
  options: Pick<HttpClientOptions, "resolve"> & { ca?: string } = {},
): Outbound & { close(): void } {
  const { ca, ...rest } = options;
  const client = createHttpClient({
    ...rest,
    ...(ca !== undefined && { tls: { ca: certificatesIn(ca) } }),
    checkAddress(address) {
      if (isForbiddenHost(address)) throw new AppError("provider_unreachable", "the address is not allowed");
    },
  });
  const targets = new WeakMap<URL, Target>();
  const send: Outbound = (url, options) => {
    const target = targets.get(url) ?? targetOf(url);
    targets.set(url, target);
    // What is passed through is read on the way, and what is translated is too: it must not come compressed.
    return client.request(target, {
      ...options,
      headers: { "accept-encoding": "identity", ...options.headers },
    });
  };
  return Object.assign(send, { close: () => client.close() });
}

function certificatesIn(pem: string): string[] {
  const certificates = pem.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
  try {
    for (const one of certificates) new X509Certificate(one);
  } catch (cause) {
    throw new AppError("invalid_request", "the CA is not a certificate in PEM", { cause });
  }
  if (certificates.length === 0) throw new AppError("invalid_request", "the CA has no certificate in PEM");
  return certificates;
}

function targetOf({ protocol, hostname, port, pathname, search }: URL): Target {
  if (protocol !== "http:" && protocol !== "https:")
    throw new AppError("invalid_request", `${protocol} is not spoken`);
  return {
    protocol,
    hostname,
    port: Number(port) || (protocol === "https:" ? 443 : 80),
    path: pathname + search,
  };
}
