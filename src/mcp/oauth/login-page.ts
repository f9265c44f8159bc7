import type { AuthorizationServerMetadata } from "@modelcontextprotocol/client";
import type { OAuthClient } from "./client-registration.ts";
import { checkedUrl } from "./oauth-fetch.ts";
import type { TokenServer } from "./tokens.ts";

export interface LoginPageOptions {
  metadata: AuthorizationServerMetadata;
  client: OAuthClient;
  redirectUri: string;
  state: string;
  scope: string | undefined;
  resource: string | undefined;
}

/** Returns the page on which a person logs in, and the verifier that the code will need (PKCE). @throws LoginFailure */
export async function loginPage(options: LoginPageOptions): Promise<{ page: URL; verifier: string }> {
  const { metadata, client, redirectUri, state, scope, resource } = options;
  const { startAuthorization } = await import("@modelcontextprotocol/client");
  const { authorizationUrl, codeVerifier } = await startAuthorization(metadata.issuer, {
    metadata,
    clientInformation: client,
    redirectUrl: redirectUri,
    state,
    ...(scope !== undefined && { scope }),
    // As the server wrote it: a URL would add a slash to one without a path.
    ...(resource !== undefined && { resource: resource as unknown as URL }),
  });
  // It is shown, and opened in a browser: an address of another scheme could start a program (T199).
  return { page: checkedUrl(authorizationUrl), verifier: codeVerifier };
}

/** Checks that an answer is that of the authorization server that was asked (RFC 9207). @throws IssuerMismatchError */
export async function checkIssuer(server: TokenServer, iss: string | undefined): Promise<void> {
  const { validateAuthorizationResponseIssuer } = await import("@modelcontextprotocol/client");
  validateAuthorizationResponseIssuer({
    iss,
    expectedIssuer: server.issuer,
    issParameterSupported: server.authorization_response_iss_parameter_supported === true,
  });
}
