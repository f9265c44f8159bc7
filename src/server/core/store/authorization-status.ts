/** The request of an MCP server for an access token, as its header `www-authenticate` has it. */
export interface AuthorizationChallenge {
  /** The URL of the metadata of the server as a protected resource; undefined if it is at its well-known place. */
  metadataUrl?: string | undefined;
  /** The scopes that a request needed, with spaces between them. */
  scope?: string | undefined;
}

/** The state of the authorization of an MCP server. Nothing in it is secret. Times are RFC 3339. */
export type AuthorizationStatus = {
  /** The name of the MCP server. */
  server: string;
  /** Its id. */
  serverId: string;
  /** The url for which it is. Its tokens go nowhere else. Undefined for keys of users for a program. */
  url?: string;
  /** The user whose calls it is for; undefined for those of everybody. */
  userId?: string;
  state: "needed" | "authorized" | "expired";
  challenge?: AuthorizationChallenge;
  /** The id of the user who gave it. */
  authorizedBy?: string;
  authorizedAt?: string;
  issuer?: string;
  scopes?: string[];
  missingScopes?: string[];
  expiresAt?: string;
  renews?: boolean;
  problem?: string;
  /** An attempt that waits for the answer of the authorization server. */
  flow?: { startedBy: string; until: string };
  /** A word of the mcpctl server that gets the next token now, where several share the database. */
  refreshing?: string;
  /** The backend's name for the tokens. */
  externalRef?: string;
};
