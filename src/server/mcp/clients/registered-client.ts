import { isObject } from "../../../wire/json.ts";
import { clientText } from "./client-text.ts";
import { OAuthError } from "./oauth-error.ts";
import { redirectKind } from "./redirect-uri.ts";

/** An MCP client as it describes itself. Nothing of it is checked by anybody, but for the host of a document. */
export interface OAuthClientFacts {
  id: string;
  /** In one line, without characters that move the text around them. */
  name: string;
  redirectUris: readonly string[];
  /** The host of the document that describes the client; undefined for one that registered here. */
  host?: string;
  /** True if that document could not be read: nothing is known but the id. */
  isUnread?: true;
}

/** The beginning of the ids that registration gives. */
const prefix = "mcpctl-client.";
/** The most redirect URIs of one client. */
const mostUris = 10;
/** The longest id. It comes back in URLs. */
const longestId = 3000;

/**
 * Registers a client (RFC 7591). Nothing is stored, so nobody can fill the server with clients (T274): the id holds what
 * the client has said, and is read again, with all checks, when it comes back. It is no secret and proves nothing; anybody
 * could register the same.
 *
 * @param metadata of the client
 * @returns the response. The client has no secret: PKCE protects its codes
 * @throws OAuthError
 */
export function registerClient(metadata: unknown, now: number): Record<string, unknown> {
  if (!isObject(metadata))
    throw new OAuthError("invalid_client_metadata", "the metadata must be a JSON object");
  const { client_name: given, grant_types: types, response_types: responses } = metadata;
  if (given !== undefined && typeof given !== "string")
    throw new OAuthError("invalid_client_metadata", "client_name must be a text");
  if (types !== undefined && !(Array.isArray(types) && types.includes("authorization_code")))
    throw new OAuthError("invalid_client_metadata", "grant_types must have authorization_code");
  if (responses !== undefined && !(Array.isArray(responses) && responses.includes("code")))
    throw new OAuthError("invalid_client_metadata", "response_types must have code");
  const uris = checkedRedirectUris(metadata["redirect_uris"]);
  const name = clientText(given ?? "");
  const id = `${prefix}${Buffer.from(JSON.stringify([name, ...uris])).toString("base64url")}`;
  if (id.length > longestId)
    throw new OAuthError("invalid_client_metadata", "the redirect URIs and the name are too long together");
  return {
    client_id: id,
    client_id_issued_at: Math.floor(now / 1000),
    ...(name !== "" && { client_name: name }),
    redirect_uris: uris,
    grant_types: ["authorization_code", "refresh_token"],
    response_types: ["code"],
    token_endpoint_auth_method: "none",
  };
}

/** Returns the client of an id that registration gave; undefined for any other text. */
export function registeredClient(id: string): OAuthClientFacts | undefined {
  if (!id.startsWith(prefix) || id.length > longestId) return undefined;
  try {
    const [name, ...uris] = JSON.parse(Buffer.from(id.slice(prefix.length), "base64url").toString());
    if (typeof name !== "string" || name !== clientText(name)) return undefined;
    return { id, name, redirectUris: checkedRedirectUris(uris) };
  } catch {
    return undefined;
  }
}

/** Returns the redirect URIs of a client. @throws OAuthError `invalid_redirect_uri` */
export function checkedRedirectUris(given: unknown): string[] {
  if (!Array.isArray(given) || given.length === 0 || given.length > mostUris)
    throw new OAuthError("invalid_redirect_uri", `redirect_uris must be a list of 1 to ${mostUris} URIs`);
  const wrong = given.findIndex((uri) => typeof uri !== "string" || redirectKind(uri) === undefined);
  if (wrong >= 0)
    throw new OAuthError(
      "invalid_redirect_uri",
      `redirect_uris/${wrong}: use https, http to 127.0.0.1, [::1] or localhost, or the scheme of an application; without a fragment`,
    );
  return given;
}
