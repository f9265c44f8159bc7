/** The response of `GET /api/v1/auth/whoami`. */
export interface Identity {
  kind: "User" | "Token";
  user: string;
  token?: string;
  groups: string[];
  admin: boolean;
  expiresAt?: string | null;
}
