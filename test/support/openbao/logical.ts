/** The data of a body or a query, by name. */
export type Data = Record<string, unknown>;

export type Operation =
  | "create"
  | "read"
  | "update"
  | "patch"
  | "delete"
  | "list"
  | "scan"
  | "header"
  // The operation of an OPTIONS request.
  | "";

export interface Namespace {
  /** `root`, or six letters with which each of its tokens ends. */
  id: string;
  uuid: string;
  /** Empty for the root namespace, else with a slash at the end: `team/`. */
  path: string;
  customMetadata: Record<string, string>;
}

/** A stored token. Times are milliseconds since 1970, durations are seconds. */
export interface Token {
  id: string;
  /** A real server does not store batch tokens: they have no accessor, and cannot be renewed or revoked. */
  type: "service" | "batch";
  accessor: string;
  /** The id of the token that made it; undefined for an orphan. */
  parent: string | undefined;
  policies: string[];
  /** The path that made it: `auth/token/create`. */
  path: string;
  meta: Record<string, string> | null;
  displayName: string;
  /** Number of uses left; 0 means no limit, -1 that it has been used up. */
  numUses: number;
  creationTime: number;
  /** The first TTL; 0 means that it does not expire. */
  ttl: number;
  explicitMaxTtl: number;
  period: number;
  role: string;
  namespace: Namespace;
  renewable: boolean;
  /** Undefined if it does not expire. */
  expireTime: number | undefined;
  lastRenewal: number | undefined;
  /** The TTL of the last renewal. */
  leaseTtl: number;
  issueTime: number;
  entityId: string;
  /** Returns the limits of a renewal, if they are those of its role at that time and not its own. */
  renewal: (() => Renewal) | undefined;
}

/** Limits of a renewal, in seconds; 0 means no limit. */
export interface Renewal {
  ttl: number;
  maxTtl: number;
  period: number;
  explicitMaxTtl: number;
}

export interface LogicalRequest {
  id: string;
  operation: Operation;
  /** The path below the mount. */
  path: string;
  data: Data;
  /** The token as it was sent; empty if there was none. */
  token: string;
  entry: Token | undefined;
  namespace: Namespace;
  /** `secret/`, `auth/approle/`, without the path of the namespace. */
  mountPath: string;
}

/** The `auth` of a response. */
export interface Auth {
  client_token: string;
  accessor: string;
  policies: string[];
  token_policies?: string[];
  metadata: Record<string, string> | null;
  lease_duration: number;
  renewable: boolean;
  entity_id: string;
  token_type: string;
  orphan: boolean;
  mfa_requirement: null;
  num_uses: number;
}

/** A successful login. */
export interface Login {
  type: "service" | "batch";
  policies: string[];
  metadata: Record<string, string> | null;
  noDefaultPolicy: boolean;
  numUses: number;
  displayName: string;
  /** The name by which a later login is recognised as the same entity. */
  alias: string;
  renewal: () => Renewal;
}

export interface LogicalResponse {
  data?: Data;
  auth?: Auth;
  /** The login for which the core makes a token. */
  login?: Login;
  /** Seconds. */
  leaseDuration?: number;
  warnings?: string[];
  /** Status with which the response is sent unchanged, without a body if it is `bare`. */
  status?: number;
  bare?: boolean;
}

/** An error response: `{"errors":[message]}`, or `{"errors":[]}` without a message. */
export class Refusal extends Error {
  readonly status: number;
  readonly said: boolean;
  /** True if it has no response, so that an authenticated request shows it as a list. */
  readonly isFailure: boolean;

  constructor(status: number, message?: string, isFailure = false) {
    super(message ?? "");
    this.status = status;
    this.said = message !== undefined;
    this.isFailure = isFailure;
  }
}

/** A failed login: after five of them the entity may not log in for a while. */
export class WrongCredentials extends Refusal {
  constructor(message: string) {
    super(400, message);
  }
}

/** Returns the error of a handler that has no response. */
export function failure(status: number, message: string): Refusal {
  return new Refusal(status, message, true);
}

/** Returns the text of several errors. */
export function listed(messages: readonly string[]): string {
  const head = messages.length === 1 ? "1 error occurred:" : `${messages.length} errors occurred:`;
  return `${head}\n${messages.map((message) => `\t* ${message}\n`).join("")}\n`;
}

/** Returns the refusal of a feature that a real server has and this one has not, so that no test relies on it. */
export function notHere(what: string): Refusal {
  return new Refusal(501, `the test server knows no ${what}`);
}

/** Returns the response to a list. An empty list is a 404. */
export function listResponse(keys: readonly string[]): LogicalResponse {
  return { data: keys.length === 0 ? {} : { keys } };
}

/** The default and the largest TTL: 768 hours, in seconds. */
export const defaultTtl = 2_764_800;

/** Sorts texts by their bytes, the order in which a storage lists. */
export function sorted(names: Iterable<string>): string[] {
  return [...names].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
}

/** Writes a time like `2026-11-21T15:51:41.973658885Z`, without zeros at the end. */
export function timestamp(milliseconds: number): string {
  const whole = Math.floor(milliseconds / 1000);
  const nanos = Math.floor((milliseconds - whole * 1000) * 1e6);
  const fraction = String(nanos).padStart(9, "0").replace(/0+$/, "");
  return `${new Date(whole * 1000).toISOString().slice(0, 19)}${fraction === "" ? "" : `.${fraction}`}Z`;
}

const letters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/** Returns random letters and digits. */
export function randomText(length: number): string {
  return Array.from(
    crypto.getRandomValues(new Uint8Array(length)),
    (byte) => letters[byte % letters.length],
  ).join("");
}
