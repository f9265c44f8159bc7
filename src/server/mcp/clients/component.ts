import type { Outbound } from "../../../net/outbound.ts";
import { Throttle } from "../../core/access/throttle.ts";
import type { Audit } from "../../observability/audit.ts";
import { ClientDocuments } from "./client-documents.ts";
import { ClientGrants, type ClientGrantsOptions } from "./client-grants.ts";
import { Consent } from "./consent.ts";
import { TokenEndpoint } from "./token-endpoint.ts";

/** Requests of one address to register, and to exchange or take back tokens without success, in a minute. Services on the
 * internet call for many users from few addresses. */
const requestsPerMinute = 60;
/** Descriptions of clients that are read for one user in a minute. */
const readsPerMinute = 20;

/** The authorization server of MCP clients. */
export interface OAuthServer {
  consent: Consent;
  tokens: TokenEndpoint;
  grants: ClientGrants;
  /** Counts requests without a bearer by address. */
  requests: Throttle;
}

export interface OAuthServerOptions extends ClientGrantsOptions {
  audit: Audit;
  /** Calls addresses of public networks alone. */
  publicOutbound: Outbound;
  /** A monotonic clock, in milliseconds. */
  elapsed(): number;
}

export function oauthServer(options: OAuthServerOptions): OAuthServer {
  const { audit, publicOutbound: outbound, now, elapsed, random } = options;
  const grants = new ClientGrants(options);
  const documents = new ClientDocuments({ outbound, elapsed });
  return {
    grants,
    consent: new Consent({ grants, documents, audit, reads: new Throttle(elapsed, readsPerMinute), now }),
    tokens: new TokenEndpoint({ grants, now, random }),
    requests: new Throttle(elapsed, requestsPerMinute),
  };
}
