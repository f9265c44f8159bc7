import type { Leg, Revision } from "./suite.ts";

/** A required scenario, or one check of it, that fails, with the reason. */
export interface ExpectedFailure {
  revision: Revision;
  leg: Leg;
  scenario: string;
  /** The check that may fail; all of them if left out. */
  check?: string;
  reason: string;
}

const withoutOAuth =
  "mcpctl gets no tokens by OAuth for the servers behind it; a token is a header of the server, from a secret";

/** The scenarios of the client leg, below `auth/`, in which a client gets a token by OAuth. */
const oauth = [
  "metadata-default",
  "metadata-var1",
  "metadata-var2",
  "metadata-var3",
  "basic-cimd",
  "scope-from-www-authenticate",
  "scope-from-scopes-supported",
  "scope-omitted-when-undefined",
  "scope-step-up",
  "scope-retry-limit",
  "token-endpoint-auth-basic",
  "token-endpoint-auth-post",
  "token-endpoint-auth-none",
  "pre-registration",
];

/** Those that only the revision 2026-07-28 has. */
const newerOauth = [
  "resource-mismatch",
  "offline-access-scope",
  "offline-access-not-supported",
  "authorization-server-migration",
  "iss-supported",
  "iss-not-advertised",
  "iss-supported-missing",
  "iss-wrong-issuer",
  "iss-unexpected",
  "iss-normalized",
  "metadata-issuer-mismatch",
];

const failing = (revision: Revision, names: readonly string[]): ExpectedFailure[] =>
  names.map((name) => ({ revision, leg: "client", scenario: `auth/${name}`, reason: withoutOAuth }));

/** The required scenarios that fail. Whatever else fails, and each of these that passes, ends the run with 1. */
export const baseline: readonly ExpectedFailure[] = [
  ...failing("2026-07-28", [...oauth, ...newerOauth]),
  ...failing("2025-11-25", oauth),
];
