import type { AuthorizationServerMetadata, OAuthTokens } from "@modelcontextprotocol/client";
import { headerFault } from "../../wire/header-value.ts";
import type { OAuthClient } from "./client-registration.ts";
import { isSame, revocationEndpoint } from "./discovery.ts";
import { LoginFailure, loginFailure } from "./login-failure.ts";
import type { OAuthFetch } from "./oauth-fetch.ts";

/** The tokens of one authorization. */
export interface TokenSet {
  accessToken: string;
  refreshToken?: string;
  /** Milliseconds since 1970; undefined if the authorization server did not say. */
  expiresAt?: number;
  /** Milliseconds since 1970. */
  issuedAt: number;
  /** The scopes, with spaces between them. */
  scope?: string;
}

/** The authorization server that gave tokens, as far as it is needed to get the next ones. */
export type TokenServer = Pick<
  AuthorizationServerMetadata,
  | "issuer"
  | "authorization_endpoint"
  | "token_endpoint"
  | "response_types_supported"
  | "token_endpoint_auth_methods_supported"
  | "authorization_response_iss_parameter_supported"
> & { revocation_endpoint?: string };

/** Returns the part of metadata that is kept with tokens. */
export function tokenServerOf(metadata: AuthorizationServerMetadata): TokenServer {
  const methods = metadata.token_endpoint_auth_methods_supported;
  const revocation = revocationEndpoint(metadata);
  const iss = metadata.authorization_response_iss_parameter_supported;
  return {
    issuer: metadata.issuer,
    authorization_endpoint: metadata.authorization_endpoint,
    token_endpoint: metadata.token_endpoint,
    response_types_supported: metadata.response_types_supported,
    ...(methods !== undefined && { token_endpoint_auth_methods_supported: methods }),
    ...(revocation !== undefined && { revocation_endpoint: revocation }),
    ...(iss !== undefined && { authorization_response_iss_parameter_supported: iss }),
  };
}

export interface TokenRequest {
  server: TokenServer;
  client: OAuthClient;
  resource: string | undefined;
  fetch: OAuthFetch;
  /** Milliseconds since 1970. */
  now: number;
}

/** The answer of an authorization server to a person who was sent there. */
export interface LoginResponse {
  code: string;
  iss: string | undefined;
}

/**
 * Exchanges a code for tokens. The issuer of the response is compared first (RFC 9207), so that nothing is sent to an
 * authorization server that did not give the code (T197).
 *
 * @throws LoginFailure
 */
export async function exchangeCode(
  request: TokenRequest,
  { code, iss }: LoginResponse,
  { verifier, redirectUri }: { verifier: string; redirectUri: string },
): Promise<TokenSet> {
  const { exchangeAuthorization } = await import("@modelcontextprotocol/client");
  return tokensFrom(request, "the code cannot be exchanged", (common) =>
    exchangeAuthorization(request.server.issuer, {
      ...common,
      authorizationCode: code,
      ...(iss !== undefined && { iss }),
      codeVerifier: verifier,
      redirectUri,
    }),
  );
}

/** Exchanges a refresh token, which may be the last use of it. @throws LoginFailure */
export async function refreshTokens(request: TokenRequest, before: TokenSet): Promise<TokenSet> {
  const { refreshAuthorization } = await import("@modelcontextprotocol/client");
  const { refreshToken = "", scope } = before;
  const next = await tokensFrom(request, "the access cannot be renewed", (common) =>
    refreshAuthorization(request.server.issuer, { ...common, refreshToken }),
  );
  return { refreshToken, ...(scope !== undefined && { scope }), ...next };
}

/** Gets tokens for the client itself (RFC 6749 section 4.4). @throws LoginFailure */
export async function clientTokens(request: TokenRequest, scope: string | undefined): Promise<TokenSet> {
  const { fetchToken } = await import("@modelcontextprotocol/client");
  const { client, resource } = request;
  const provider = {
    redirectUrl: undefined,
    clientMetadata: { redirect_uris: [] },
    clientInformation: () => client,
    prepareTokenRequest: (asked?: string) =>
      new URLSearchParams({ grant_type: "client_credentials", ...(asked !== undefined && { scope: asked }) }),
  } as unknown as Parameters<typeof fetchToken>[0];
  return tokensFrom(request, "the authorization server gives no access", ({ metadata, fetchFn }) =>
    fetchToken(provider, request.server.issuer, {
      metadata,
      fetchFn,
      ...(resource !== undefined && { resource }),
      ...(scope !== undefined && { scope }),
    }),
  );
}

interface CommonRequest {
  metadata: AuthorizationServerMetadata;
  clientInformation: OAuthClient;
  resource?: string;
  fetchFn: OAuthFetch;
}

async function tokensFrom(
  { server, client, resource, fetch, now }: TokenRequest,
  what: string,
  send: (common: CommonRequest) => Promise<OAuthTokens>,
): Promise<TokenSet> {
  if (!isSame(client.issuer, server.issuer))
    throw new LoginFailure("the client belongs to another authorization server");
  try {
    const tokens = await send({
      metadata: server as AuthorizationServerMetadata,
      clientInformation: client,
      ...(resource !== undefined && { resource }),
      fetchFn: fetch,
    });
    return checkedTokens(tokens, now);
  } catch (error) {
    throw loginFailure(error, what);
  }
}

/** The longest token and the longest list of scopes, in characters. */
const maxToken = 16 * 1024;
const maxScope = 4096;
/** The longest life of a token that is believed, in seconds: a year. */
const maxLife = 366 * 86_400;

/** Returns the tokens of a response. @throws LoginFailure for one that holds something else (T196) */
function checkedTokens(tokens: OAuthTokens, now: number): TokenSet {
  const { access_token, refresh_token, token_type, expires_in, scope } = tokens;
  if (token_type.toLowerCase() !== "bearer")
    throw new LoginFailure("the authorization server gave a token of a type that is not supported");
  for (const token of [access_token, refresh_token])
    if (token !== undefined && (token === "" || token.length > maxToken || headerFault(token) !== undefined))
      throw new LoginFailure("the authorization server gave something that cannot be a token");
  const life = Number(expires_in);
  const isLife = expires_in !== undefined && Number.isFinite(life) && life > 0;
  return {
    accessToken: access_token,
    ...(refresh_token !== undefined && { refreshToken: refresh_token }),
    ...(isLife && { expiresAt: now + Math.min(life, maxLife) * 1000 }),
    issuedAt: now,
    ...(scope !== undefined && scope !== "" && { scope: scope.slice(0, maxScope) }),
  };
}

/** Takes tokens back at their authorization server (RFC 7009), where it offers that. Never throws. */
export async function revokeTokens(
  { server, client, fetch: send }: Omit<TokenRequest, "now" | "resource">,
  { accessToken, refreshToken }: TokenSet,
): Promise<void> {
  const { revocation_endpoint: endpoint } = server;
  if (endpoint === undefined || !isSame(client.issuer, server.issuer)) return;
  // With the refresh token its access tokens end, too.
  const [token, hint] =
    refreshToken === undefined ? [accessToken, "access_token"] : [refreshToken, "refresh_token"];
  const body = new URLSearchParams({ token, token_type_hint: hint });
  const headers: Record<string, string> = { "content-type": "application/x-www-form-urlencoded" };
  const { client_id: id, client_secret: secret } = client;
  const { selectClientAuthMethod } = await import("@modelcontextprotocol/client");
  const method = selectClientAuthMethod(client, server.token_endpoint_auth_methods_supported ?? []);
  if (method === "client_secret_basic" && secret !== undefined)
    headers["authorization"] =
      `Basic ${Buffer.from(`${encodeURIComponent(id)}:${encodeURIComponent(secret)}`).toString("base64")}`;
  else body.set("client_id", id);
  if (method === "client_secret_post" && secret !== undefined) body.set("client_secret", secret);
  await send(endpoint, { method: "POST", headers, body }).catch(() => undefined);
}
