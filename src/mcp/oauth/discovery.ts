import type { AuthorizationServerMetadata } from "@modelcontextprotocol/client";
import { LoginFailure, loginFailure, plainText } from "./login-failure.ts";
import { checkedUrl, type OAuthFetch } from "./oauth-fetch.ts";

/** The authorization server that an MCP server names. */
export interface FoundAuthorizationServer {
  metadata: AuthorizationServerMetadata;
  /** The identifier that tokens are asked for (RFC 8707), as the MCP server wrote it; undefined if it has none. */
  resource: string | undefined;
  /** The scopes that the MCP server has. */
  scopes: string[] | undefined;
}

export interface DiscoveryOptions {
  serverUrl: string;
  /** The URL of the metadata of the MCP server, where a refusal of its told it. */
  metadataUrl: string | undefined;
  /** The only authorization server that is accepted. */
  issuer: string | undefined;
  fetch: OAuthFetch;
}

/**
 * Finds the authorization server of an MCP server: by its metadata as a protected resource (RFC 9728), and without one at
 * its own origin, as the revision 2025-03-26 has it. Then its metadata (RFC 8414, OpenID Connect Discovery), whose issuer
 * has to be the one that was asked for.
 *
 * @throws LoginFailure
 */
export async function discover(options: DiscoveryOptions): Promise<FoundAuthorizationServer> {
  try {
    return await find(options);
  } catch (error) {
    throw loginFailure(error, "the metadata for a login cannot be used");
  }
}

async function find({
  serverUrl,
  metadataUrl,
  issuer,
  fetch: send,
}: DiscoveryOptions): Promise<FoundAuthorizationServer> {
  const sdk = await import("@modelcontextprotocol/client");
  checkedUrl(serverUrl);
  // The SDK takes every failure for a server without metadata. Only one that says so has none.
  let hasMetadata = true;
  const seen: OAuthFetch = async (url, init) => {
    const response = await send(url, init);
    hasMetadata = response.status < 400 || response.status >= 500;
    return response;
  };
  const resourceMetadata = await sdk
    .discoverOAuthProtectedResourceMetadata(
      serverUrl,
      metadataUrl === undefined ? undefined : { resourceMetadataUrl: checkedUrl(metadataUrl) },
      seen,
    )
    .catch((error) => {
      if (hasMetadata) throw error;
      return undefined;
    });
  if (resourceMetadata) {
    const requestedResource = sdk.resourceUrlFromServerUrl(serverUrl);
    const configuredResource = resourceMetadata.resource;
    // Else a server could have a token for another one sent to itself (T197).
    if (!sdk.checkResourceAllowed({ requestedResource, configuredResource }))
      throw new LoginFailure(
        `the metadata of the server is that of another one, ${plainText(configuredResource)}`,
      );
  }
  const named = resourceMetadata?.authorization_servers ?? [];
  const [first = String(new URL("/", serverUrl))] = named;
  const chosen = issuer === undefined ? first : named.find((one) => isSame(one, issuer));
  if (chosen === undefined)
    throw new LoginFailure(
      `the server names the authorization server ${plainText(first)}, and oauth.issuer is ${issuer}`,
    );
  const metadata = await sdk.discoverAuthorizationServerMetadata(chosen, { fetchFn: send });
  if (!metadata) throw new LoginFailure(`the authorization server ${plainText(chosen)} has no metadata`);
  checkMetadata(metadata);
  return {
    metadata,
    resource: resourceMetadata?.resource,
    scopes: resourceMetadata?.scopes_supported,
  };
}

/** True for two spellings of one issuer: with and without the slash of an empty path. */
export function isSame(one: string, other: string): boolean {
  return one.replace(/\/$/, "") === other.replace(/\/$/, "");
}

/** Returns the address at which tokens are taken back. The SDK does not know it for OpenID Connect. */
export function revocationEndpoint(metadata: AuthorizationServerMetadata): string | undefined {
  const endpoint = (metadata as Record<string, unknown>)["revocation_endpoint"];
  return typeof endpoint === "string" ? endpoint : undefined;
}

/** @throws LoginFailure for an authorization server that cannot be used safely */
function checkMetadata(metadata: AuthorizationServerMetadata): void {
  const { authorization_endpoint, token_endpoint, registration_endpoint } = metadata;
  const revocation = revocationEndpoint(metadata);
  for (const endpoint of [authorization_endpoint, token_endpoint, registration_endpoint, revocation])
    if (endpoint !== undefined) checkedUrl(endpoint);
  // Without the list it does not know PKCE, and a stolen code could be used
  // (https://modelcontextprotocol.io/specification/2025-11-25/basic/authorization#authorization-code-protection).
  if (!metadata.code_challenge_methods_supported?.includes("S256"))
    throw new LoginFailure(
      `the authorization server ${plainText(metadata.issuer)} does not say that it supports PKCE with S256`,
    );
}
