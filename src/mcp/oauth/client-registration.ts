import type { AuthorizationServerMetadata } from "@modelcontextprotocol/client";
import { LoginFailure, loginFailure } from "./login-failure.ts";
import type { OAuthFetch } from "./oauth-fetch.ts";

/** mcpctl as a client of one authorization server. */
export interface OAuthClient {
  /** The authorization server that knows it. It is shown to no other one. */
  issuer: string;
  client_id: string;
  client_secret?: string;
  token_endpoint_auth_method?: string;
  /** The redirect URI that it was registered with; undefined if it was not registered by mcpctl. */
  redirectUri?: string;
}

export interface ClientChoice {
  metadata: AuthorizationServerMetadata;
  /** The client that somebody registered by hand. */
  own: { clientId: string; clientSecret: string | undefined } | undefined;
  /** The URL of the document that describes this mcpctl (Client ID Metadata Documents), if the internet can reach it. */
  documentUrl: string | undefined;
  /** The client of an earlier login. */
  known: OAuthClient | undefined;
  redirectUri: string;
  scope: string | undefined;
  fetch: OAuthFetch;
}

/** Ways in which a client shows who it is, the best one first. A code that was stolen is of no use without its verifier. */
const authMethods = ["none", "client_secret_basic", "client_secret_post"];

/**
 * Returns the client for a login: the one that was registered by hand, the one of an earlier login at the same
 * authorization server, the one that a document describes, or a new one (RFC 7591).
 *
 * @throws LoginFailure
 */
export async function chooseClient(choice: ClientChoice): Promise<OAuthClient> {
  const { metadata, own, documentUrl, known, redirectUri, scope, fetch } = choice;
  const { issuer } = metadata;
  if (own)
    return {
      issuer,
      client_id: own.clientId,
      ...(own.clientSecret !== undefined && { client_secret: own.clientSecret }),
    };
  if (documentUrl !== undefined && metadata.client_id_metadata_document_supported === true)
    return { issuer, client_id: documentUrl };
  if (known?.issuer === issuer && known.redirectUri === redirectUri) return known;
  if (metadata.registration_endpoint === undefined)
    throw new LoginFailure(
      "the authorization server does not register clients; register mcpctl there by hand and set oauth.clientId",
    );
  const { registerClient, resolveClientMetadata } = await import("@modelcontextprotocol/client");
  const supported = metadata.token_endpoint_auth_methods_supported;
  const method = supported && authMethods.find((one) => supported.includes(one));
  const clientMetadata = resolveClientMetadata({
    redirectUrl: redirectUri,
    clientMetadata: {
      client_name: "mcpctl",
      redirect_uris: [redirectUri],
      response_types: ["code"],
      ...(method !== undefined && { token_endpoint_auth_method: method }),
    },
  } as Parameters<typeof resolveClientMetadata>[0]);
  try {
    const registered = await registerClient(issuer, {
      metadata,
      clientMetadata,
      ...(scope !== undefined && { scope }),
      fetchFn: fetch,
    });
    const { client_id, client_secret, token_endpoint_auth_method } = registered;
    return {
      issuer,
      client_id,
      ...(client_secret !== undefined && { client_secret }),
      ...(token_endpoint_auth_method !== undefined && { token_endpoint_auth_method }),
      redirectUri,
    };
  } catch (error) {
    throw loginFailure(error, "mcpctl cannot be registered");
  }
}
