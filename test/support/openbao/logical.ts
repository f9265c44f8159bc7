/** What came in a body or a query, by name. */
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
  // An OPTIONS request asks for nothing.
  | "";

export interface Namespace {
  /** `root`, or six letters that end each of its tokens. */
  id: string;
  uuid: string;
  /** Empty for the root, else with a slash at the end: `team/`. */
  path: string;
  customMetadata: Record<string, string>;
}

/** A token as the server keeps it. Times are milliseconds since 1970, durations seconds. */
export interface Token {
  id: string;
  /** A batch token is kept nowhere in a real server: it has no accessor, is not renewed and not revoked. */
  type: "service" | "batch";
  accessor: string;
  /** The id of the token that made it; undefined for an orphan. */
  parent: string | undefined;
  policies: string[];
  /** Where it was made: `auth/token/create`. */
  path: string;
  meta: Record<string, string> | null;
  displayName: string;
  /** How often it may still be used; 0 is without end, -1 is that it has been used up. */
  numUses: number;
  creationTime: number;
  /** What it was given at first; 0 is for ever. */
  ttl: number;
  explicitMaxTtl: number;
  period: number;
  role: string;
  namespace: Namespace;
  renewable: boolean;
  /** Undefined when it never ends. */
  expireTime: number | undefined;
  lastRenewal: number | undefined;
  /** What it was given last. */
  leaseTtl: number;
  issueTime: number;
  entityId: string;
  /** What a renewal goes by, where it is not the token itself: its role, as that is then. */
  renewal: (() => Renewal) | undefined;
}

/** What a renewal goes by; seconds, 0 where there is none. */
export interface Renewal {
  ttl: number;
  maxTtl: number;
  period: number;
  explicitMaxTtl: number;
}

export interface LogicalRequest {
  id: string;
  operation: Operation;
  /** Below the mount. */
  path: string;
  data: Data;
  /** As it was sent; empty when none was. */
  token: string;
  entry: Token | undefined;
  namespace: Namespace;
  /** `secret/`, `auth/approle/`; without its namespace. */
  mountPath: string;
}

/** The `auth` of an answer. */
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

/** Whom an auth method has let in. */
export interface Login {
  type: "service" | "batch";
  policies: string[];
  metadata: Record<string, string> | null;
  noDefaultPolicy: boolean;
  numUses: number;
  displayName: string;
  /** What one who comes again is known by. */
  alias: string;
  renewal: () => Renewal;
}

export interface LogicalResponse {
  data?: Data;
  auth?: Auth;
  /** What a login ends in: the core makes a token of it. */
  login?: Login;
  /** Seconds. */
  leaseDuration?: number;
  warnings?: string[];
  /** Answered as it is with this status, and with no body where it is `bare`. */
  status?: number;
  bare?: boolean;
}

/** An answer that is an error: `{"errors":[message]}`, or `{"errors":[]}` without a message. */
export class Refusal extends Error {
  readonly status: number;
  readonly said: boolean;
  /** Has no response with it, so that it comes out of an authenticated request as a list. */
  readonly isFailure: boolean;

  constructor(status: number, message?: string, isFailure = false) {
    super(message ?? "");
    this.status = status;
    this.said = message !== undefined;
    this.isFailure = isFailure;
  }
}

/** A login that counts as failed: after five of them nobody may log in as that one for a while. */
export class WrongCredentials extends Refusal {
  constructor(message: string) {
    super(400, message);
  }
}

/** An error that a handler fails with, and has no response for. */
export function failure(status: number, message: string): Refusal {
  return new Refusal(status, message, true);
}

/** Several errors as one text. */
export function listed(messages: readonly string[]): string {
  const head = messages.length === 1 ? "1 error occurred:" : `${messages.length} errors occurred:`;
  return `${head}\n${messages.map((message) => `\t* ${message}\n`).join("")}\n`;
}

/** For what a real server does and this one does not: nobody is to take its answer for the real one's. */
export function notHere(what: string): Refusal {
  return new Refusal(501, `the test server knows no ${what}`);
}

/** The answer to a list; nothing in it is a 404. */
export function listResponse(keys: readonly string[]): LogicalResponse {
  return { data: keys.length === 0 ? {} : { keys } };
}

/** What a TTL is where nothing says how long, and the longest that there is: 768 hours, in seconds. */
export const defaultTtl = 2_764_800;

/** Sorts as bytes do, which is how a storage lists. */
export function sorted(names: Iterable<string>): string[] {
  return [...names].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
}

/** `2026-11-21T15:51:41.973658885Z`, without zeros at the end. */
export function timestamp(milliseconds: number): string {
  const whole = Math.floor(milliseconds / 1000);
  const nanos = Math.floor((milliseconds - whole * 1000) * 1e6);
  const fraction = String(nanos).padStart(9, "0").replace(/0+$/, "");
  return `${new Date(whole * 1000).toISOString().slice(0, 19)}${fraction === "" ? "" : `.${fraction}`}Z`;
}

const letters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/** Letters and digits. */
export function randomText(length: number): string {
  return Array.from(
    crypto.getRandomValues(new Uint8Array(length)),
    (byte) => letters[byte % letters.length],
  ).join("");
}
