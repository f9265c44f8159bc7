import type { Outbound, OutboundOptions } from "../../net/outbound.ts";
import { lostSession, saysSessionIsLost } from "../lost-session.ts";
import { McpFailure } from "../rpc-error.ts";
import type { WireResponse } from "../upstream/wire.ts";

/** The refusal of a request by an MCP server, as far as it says what was missing. */
export interface AccessRefusal {
  /** The URL of the metadata of the server as a protected resource. */
  metadataUrl: string | undefined;
  /** The scopes that the request needed, with spaces between them. */
  scope: string | undefined;
}

/** The access tokens for one server and the callers that share it. */
export interface AccessTokenSource {
  /** Returns the token for a request; undefined if there is none. @throws McpFailure if it cannot be renewed now */
  current(): Promise<string | undefined>;
  /**
   * Takes a refusal with status 401.
   *
   * @param token that was sent
   * @returns another one to try
   * @throws AuthorizationNeeded if only a person can get one
   */
  refused(token: string | undefined, refusal: AccessRefusal): Promise<string>;
  /** Takes a refusal with status 403 for want of scopes. Returns the error for the caller. */
  lacksScope(refusal: AccessRefusal): Promise<McpFailure>;
}

/** A request was refused, and only a person can do something about it. */
export class AuthorizationNeeded extends McpFailure {
  constructor(message: string, status: 401 | 403) {
    super("refused", message, { status });
    this.name = "AuthorizationNeeded";
  }
}

/** The longest header, and the longest text of a refusal, that are looked at. */
const maxChallenge = 4096;
const maxRefusal = 64 * 1024;

/**
 * Returns a function that sends requests with an access token, to the origin of a server and to no other. One that the
 * server refuses is sent once more with another token, if there is one: it was not carried out.
 */
export function authorizedOutbound(
  outbound: Outbound,
  { origin }: URL,
  source: AccessTokenSource,
): (url: URL, options: OutboundOptions) => Promise<WireResponse> {
  return async (url, options) => {
    if (url.origin !== origin) return outbound(url, options);
    const send = (token: string | undefined) =>
      outbound(url, {
        ...options,
        headers: { ...options.headers, ...(token !== undefined && { authorization: `Bearer ${token}` }) },
      });
    const token = await source.current();
    const response = await send(token);
    if (response.status !== 401) return checked(response, source);
    if (await isOfSession(response, options)) throw lostSession();
    const other = await source.refused(token, await refusalIn(response));
    const again = await send(other);
    if (again.status !== 401) return checked(again, source);
    await source.refused(other, await refusalIn(again));
    throw new AuthorizationNeeded("it refuses its new access token", 401);
  };
}

/** True if a 401 is about the session of a request, as with the SDK for Rust, and not about a token. */
async function isOfSession(response: WireResponse, { headers }: OutboundOptions): Promise<boolean> {
  if (headers["mcp-session-id"] === undefined || response.headers.has("www-authenticate")) return false;
  return saysSessionIsLost(await response.text(maxRefusal).catch(() => ""));
}

async function checked(response: WireResponse, source: AccessTokenSource): Promise<WireResponse> {
  if (response.status !== 403) return response;
  const challenge = response.headers.get("www-authenticate") ?? "";
  if (!/\berror="?insufficient_scope\b/.test(challenge.slice(0, maxChallenge))) return response;
  throw await source.lacksScope(await refusalIn(response));
}

/** Reads what a refusal says, and ends its response. */
async function refusalIn(response: WireResponse): Promise<AccessRefusal> {
  const header = (response.headers.get("www-authenticate") ?? "").slice(0, maxChallenge);
  response.cancel();
  if (header === "") return { metadataUrl: undefined, scope: undefined };
  const { extractWWWAuthenticateParams } = await import("@modelcontextprotocol/client");
  const { resourceMetadataUrl, scope } = extractWWWAuthenticateParams(
    new Response(null, { headers: { "www-authenticate": header } }),
  );
  return {
    metadataUrl: resourceMetadataUrl?.href,
    scope: scope === undefined ? undefined : plainScope(scope),
  };
}

/** Returns the scopes of a list that can be scopes (RFC 6749 section 3.3). */
function plainScope(scope: string): string | undefined {
  const scopes = scope.split(" ").filter((one) => /^[\x21\x23-\x5b\x5d-\x7e]{1,500}$/.test(one));
  return scopes.length === 0 ? undefined : scopes.join(" ");
}
