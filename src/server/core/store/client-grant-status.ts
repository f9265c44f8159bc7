/**
 * The state of the access of an MCP client. Of codes and tokens there are only SHA-256 hashes in base64url; that of the
 * access token is the row's credential. Times are milliseconds since 1970.
 */
export type ClientGrantStatus = {
  /** The id of the project, and the only one that its tokens open. */
  projectId: string;
  /** The id of the client, and the name that it gives itself. */
  clientId: string;
  clientName: string;
  /** The URI to which the browser was sent with the code. */
  redirectUri: string;
  /** The code. It is kept, so that a second use of it is noticed. */
  codeHash: string;
  /** The challenge of PKCE, S256. */
  challenge: string;
  /** The half that all refresh tokens of the grant have, and the whole of the present one. */
  familyHash?: string;
  refreshHash?: string;
  /** The end of the access token. */
  accessUntil?: number;
  /** The end of the code; later that of the refresh token. */
  until: number;
};
