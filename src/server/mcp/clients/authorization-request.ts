import { OAuthError, type OAuthErrorCode } from "./oauth-error.ts";
import { isRegistered } from "./redirect-uri.ts";
import type { OAuthClientFacts } from "./registered-client.ts";

/** The most characters of the parameters of a request. */
export const maxQuery = 8000;
const maxState = 4000;

/** An authorization request whose client and redirect URI are found to belong together. */
export interface AuthorizationRequest {
  client: OAuthClientFacts;
  redirectUri: string;
  state: string | undefined;
  /** The resource that the client wants to use, as it wrote it. */
  resource: string;
  /** The challenge of PKCE, S256. */
  challenge: string;
}

/** A request that can only be refused. The refusal may be sent to the redirect URI, which belongs to the client. */
export interface RefusedAuthorization {
  client: OAuthClientFacts;
  redirectUri: string;
  state: string | undefined;
  refusal: { code: OAuthErrorCode; message: string };
}

/** Parameters of a request, each of which was there once at most. */
export class Parameters {
  readonly #all: URLSearchParams;

  constructor(text: string) {
    this.#all = new URLSearchParams(text);
  }

  /** Returns a parameter; undefined for an empty one (RFC 6749 section 3.1). @throws OAuthError if it is there twice */
  get(name: string): string | undefined {
    const values = this.#all.getAll(name);
    if (values.length > 1) throw new OAuthError("invalid_request", `${name} is there more than once`);
    return values[0] === "" ? undefined : values[0];
  }

  /** Returns a parameter. @throws OAuthError without it */
  need(name: string): string {
    const value = this.get(name);
    if (value === undefined) throw new OAuthError("invalid_request", `${name} is missing`);
    return value;
  }
}

/**
 * Reads an authorization request. What is wrong before the redirect URI is known to be the client's is thrown, and must be
 * shown, never sent anywhere (T277).
 *
 * @param text the query of the request
 * @param find returns the client of an id, for a request with a redirect URI. Throws OAuthError
 * @throws OAuthError
 */
export async function readRequest(
  text: string,
  find: (clientId: string, redirectUri: string) => Promise<OAuthClientFacts>,
): Promise<AuthorizationRequest | RefusedAuthorization> {
  if (text.length > maxQuery) throw new OAuthError("invalid_request", "the request is too long");
  const parameters = new Parameters(text);
  const clientId = parameters.need("client_id");
  const redirectUri = parameters.need("redirect_uri");
  const client = await find(clientId, redirectUri);
  if (!isRegistered(redirectUri, client.redirectUris))
    throw new OAuthError("invalid_redirect_uri", "the redirect_uri is not one of this client");
  let state: string | undefined;
  try {
    state = parameters.get("state");
    if (state !== undefined && state.length > maxState)
      throw new OAuthError("invalid_request", "state is too long");
    return { client, redirectUri, state, ...checked(parameters) };
  } catch (error) {
    if (!(error instanceof OAuthError)) throw error;
    const { code, message } = error;
    return { client, redirectUri, state, refusal: { code, message } };
  }
}

function checked(parameters: Parameters): Pick<AuthorizationRequest, "resource" | "challenge"> {
  if (parameters.need("response_type") !== "code")
    throw new OAuthError("unsupported_response_type", "response_type must be code");
  if ((parameters.get("response_mode") ?? "query") !== "query")
    throw new OAuthError("invalid_request", "response_mode must be query");
  const challenge = parameters.need("code_challenge");
  // Without a method it would be plain, which protects from nobody who sees the request (T278).
  if (parameters.get("code_challenge_method") !== "S256" || !/^[\w-]{43}$/.test(challenge))
    throw new OAuthError(
      "invalid_request",
      "code_challenge_method must be S256, with a challenge of 43 characters",
    );
  const resource = parameters.get("resource");
  if (resource === undefined)
    throw new OAuthError(
      "invalid_target",
      "resource is missing: it names the MCP endpoint of a project (RFC 8707)",
    );
  return { resource, challenge };
}
