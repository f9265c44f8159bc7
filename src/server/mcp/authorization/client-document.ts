import { isLocalHost } from "../../../net/private-address.ts";

/** The path of the document that describes this mcpctl to authorization servers. */
export const clientDocumentPath = "/mcp/oauth/client.json";

/** The path to which authorization servers send a browser back. */
export const callbackPath = "/mcp/oauth/callback";

/** The addresses on the machine of a person to which a browser can be sent back; the command line listens there. */
const loopbackForm = /^http:\/\/(?:127\.0\.0\.1|localhost|\[::1\]):\d{1,5}\/callback$/;

/** True for an address at which the command line of a person waits for the answer to a login. */
export function isLoopbackRedirect(uri: string): boolean {
  return loopbackForm.test(uri) && URL.canParse(uri);
}

/** Returns the address to which a browser is sent back to this server; undefined if it has no https URL. */
export function callbackUrl(publicUrls: readonly string[]): string | undefined {
  const base = publicUrls.find((url) => url.startsWith("https://"));
  return base === undefined ? undefined : `${base.replace(/\/+$/, "")}${callbackPath}`;
}

/**
 * Returns the id of this mcpctl as a client, which is the URL of a document about it (draft-ietf-oauth-client-id-metadata-
 * document). Undefined without a public https URL, and for one of a local network: authorization servers could not read it.
 */
export function clientDocumentUrl(publicUrls: readonly string[]): string | undefined {
  const base = publicUrls.find((url) => url.startsWith("https://") && !isLocalHost(new URL(url).hostname));
  return base === undefined ? undefined : `${base.replace(/\/+$/, "")}${clientDocumentPath}`;
}

/** Returns that document; undefined if there is none. */
export function clientDocument(publicUrls: readonly string[]): object | undefined {
  const id = clientDocumentUrl(publicUrls);
  if (id === undefined) return undefined;
  return {
    client_id: id,
    client_name: "mcpctl",
    client_uri: new URL(id).origin,
    // The port of a loopback address may be any (RFC 8252 section 7.3).
    redirect_uris: [callbackUrl(publicUrls), "http://127.0.0.1/callback", "http://localhost/callback"],
    grant_types: ["authorization_code", "refresh_token"],
    response_types: ["code"],
    token_endpoint_auth_method: "none",
  };
}
