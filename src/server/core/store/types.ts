/**
 * What the server asks of a database. SQLite and Postgres both answer it, and one contract suite
 * (`test/contract/store.ts`) holds them to the same behaviour.
 */

/** One resource of any kind, as stored. Times are milliseconds since 1970, UTC. */
export interface Row {
  id: string;
  kind: string;
  /** What the name is unique within; "" for most kinds. */
  scope: string;
  name: string;
  /** Id of the user who made it; null for what the server seeded. */
  owner: string | null;
  visibility: "public" | "private" | null;
  /** What users set. */
  spec: Record<string, unknown>;
  /** What the server set. */
  status: Record<string, unknown>;
  /** 1 at create, one more with each update. */
  version: number;
  createdAt: number;
  updatedAt: number;
}

/** A reference that the database enforces with a foreign key. `path` is a JSON pointer into the spec. */
export interface Ref {
  path: string;
  toId: string;
  onDelete: "restrict" | "clear";
}

/** A login. Only the SHA-256 of its bearer is kept, in base64url. */
export interface Session {
  id: string;
  hash: string;
  userId: string;
  createdAt: number;
  expiresAt: number;
}

/**
 * A ref on a secret backend that no row points at: one that is about to be written, until a row adopts it, or a
 * doomed one that is about to be deleted. Backends are not in our transactions; this is how nothing gets lost there.
 */
export interface Orphan {
  ref: string;
  backendId: string;
  /** No row may adopt it any more. */
  doomed: boolean;
  at: number;
}

/**
 * An agent's place at the server. Its rows, socket and process come and go; the session stays, and each time somebody
 * takes it the epoch goes up.
 */
export interface ProviderSession {
  id: string;
  /** The user who registered it. */
  ownerId: string;
  /** What the agent says of its machine and its process; null where it says nothing. */
  machineId: string | null;
  bootId: string | null;
  /** 1 for agents that accept by being sent to, else 2. */
  protocol: number;
  epoch: number;
  createdAt: number;
  /** When it was last heard of. */
  seenAt: number;
}

/** A conversation of one user with one persona. */
export interface Thread {
  id: string;
  /** The persona's row, with which it goes. */
  agentId: string;
  /** The user whose it is, and nobody else's. */
  ownerId: string;
  /** Its first words. */
  title: string;
  createdAt: number;
  updatedAt: number;
}

/** What one transaction writes. All of it happens or none. */
export type Write =
  | { op: "insert"; row: Row; refs: Ref[] }
  /** `row.version` is the new version: it is refused as stale unless the stored one is exactly one less. */
  | { op: "update"; row: Row; refs: Ref[] }
  /** Refused as stale unless the stored version is the given one, and as referenced while a ref points at it. */
  | { op: "delete"; id: string; version: number }
  /** The argon2id hash of a user's password, or null to take it away. */
  | { op: "setPassword"; userId: string; hash: string | null }
  /** The SHA-256 of a token's bearer. Goes with the token's row. */
  | { op: "setBearer"; tokenId: string; hash: string }
  | { op: "insertSession"; session: Session }
  /** Ends one session; nothing when it is gone already. */
  | { op: "deleteSession"; id: string }
  /** Ends every session of a user but one. */
  | { op: "deleteSessionsOf"; userId: string; exceptId?: string }
  | {
      op: "putSecretData";
      ref: string;
      backendId: string;
      data: Readonly<Record<string, string>>;
      at: number;
    }
  /** Changes what is there, and nothing when nothing is. */
  | { op: "replaceSecretData"; ref: string; data: Readonly<Record<string, string>> }
  /** Also from what SQLite keeps of its last writes. */
  | { op: "deleteSecretData"; ref: string }
  | { op: "addOrphan"; orphan: Orphan }
  /** Refused as stale when it is not on record: a row has it. */
  | { op: "doomOrphan"; ref: string }
  /** A row takes an orphan's ref as its own. Refused as stale when it is not on record, or doomed. */
  | { op: "adoptOrphan"; ref: string }
  | { op: "dropOrphan"; ref: string }
  | { op: "audit"; event: AuditEvent };

/** Why a transaction was refused. Nothing of it has happened. */
export type Refusal =
  /** (kind, scope, name) is taken, or a second default secret backend. */
  | "taken"
  /** The row has another version, or is gone; the orphan is none any more, or cannot be adopted. */
  | "stale"
  /** Something still points at the row to delete. */
  | "referenced"
  /** A ref points at a row that is not there. */
  | "dangling"
  /** The disk or the database's quota is full. Reads go on. */
  | "full"
  /** The database cannot be reached, is locked by somebody else, or failed in a way that may pass. */
  | "unavailable";

export class StoreError extends Error {
  override readonly name = "StoreError";
  readonly refusal: Refusal;
  constructor(refusal: Refusal, options: { cause?: unknown } = {}) {
    super(`the database refused a write: ${refusal}`, options);
    this.refusal = refusal;
  }
}

/**
 * One thing that happened. Never message content, never a secret. The fields of an inference call are
 * columns of their own; what other actions have to say goes into `detail`.
 */
export interface AuditEvent {
  at: number;
  /** `llm_inference_call`, `login`, `login_failed`, `logout`, `create`, `update`, `delete`, `reveal`. */
  action: string;
  requestId: string;
  userId: string | null;
  tokenId: string | null;
  /** HTTP status of the answer. */
  status: number;
  llm?: string;
  poolMember?: string;
  /** The provider's model name. */
  model?: string;
  /** The llm's type. */
  type?: string;
  dialect?: string;
  streaming?: boolean;
  durationMs?: number;
  ttftMs?: number;
  promptTokens?: number;
  completionTokens?: number;
  cachedTokens?: number;
  /** Millionths of a dollar; not there where the model has no price. */
  costMicros?: number;
  error?: string;
  /** For catalogue changes: `{kind, name, id, fields: [names of the fields that changed]}`. */
  detail?: Record<string, unknown>;
}

export interface AuditFilter {
  /** Inclusive, milliseconds. */
  since?: number;
  /** Exclusive, milliseconds. */
  until?: number;
  llm?: string;
  /** A user's id. */
  user?: string;
  action?: string;
  /** From the one to the other, both inclusive. */
  status?: { from: number; to: number };
  /** At most 1000. */
  limit: number;
}

/** A part of the log, read forwards. */
export interface AuditTail {
  /** The oldest first, each with the number of its row. */
  events: { row: number; event: AuditEvent }[];
  /** All rows up to this one have been looked at. */
  last: number;
}

/** What calls of one user, by one of their tokens or by none, to one llm came to on one day. */
export interface UsageRow {
  /** `2026-11-21`, in UTC. */
  day: string;
  userId: string;
  /** "" when the user called without a token. */
  tokenId: string;
  /** The name of the llm that answered; "" when none was found. */
  llm: string;
  requests: number;
  /** Of the requests, those that failed. */
  errors: number;
  promptTokens: number;
  completionTokens: number;
  cachedTokens: number;
  costMicros: number;
}

export interface UsageFilter {
  /** Days, both inclusive. */
  since: string;
  until: string;
  /** Ids. */
  userId?: string;
  tokenId?: string;
  /** A name. */
  llm?: string;
}

export interface Change {
  revision: number;
  /** A kind, or `session` or `credential`. */
  kind: string;
  /** Of the row; of the session or the user or token whose credential it is. */
  id: string;
  operation: "insert" | "update" | "delete";
}

/** What a server needs in memory to answer without the database. */
export interface Contents {
  /** Every change up to this one is in here. */
  revision: number;
  rows: Row[];
  /** Who points at whom: `fromId` holds `path`. */
  refs: (Ref & { fromId: string })[];
  /** SHA-256 → token id. */
  bearers: { hash: string; tokenId: string }[];
  sessions: Session[];
  /** Users that have a password. */
  withPassword: string[];
  /** When tokens were last used, where they were. */
  lastUsed: { tokenId: string; at: number }[];
}

export interface Store {
  readonly dialect: "sqlite" | "postgres";
  /** Applies all of it in one transaction, a `changes` row for each, or throws StoreError. Returns the last revision. */
  commit(writes: readonly Write[]): Promise<number>;
  /** Everything, as of one revision. */
  load(): Promise<Contents>;
  /** Changes after a revision in order, at most `limit`; null when older ones than that have been pruned. */
  changesSince(revision: number, limit: number): Promise<Change[] | null>;
  /** What is there now of some rows and credentials, for bringing a snapshot up to date. */
  loadSome(changes: readonly Change[]): Promise<Omit<Contents, "revision">>;
  /** Calls back when another server may have written; at least every 2 s. Never calls on SQLite. Returns how to stop. */
  onDoorbell(ring: () => void): () => void;
  passwordHash(userId: string): Promise<string | null>;
  secretData(ref: string): Promise<Record<string, string> | null>;
  /** Refs of the secret data that is stored for a backend. */
  secretRefs(backendId: string): Promise<string[]>;
  /** All of them, the oldest first. */
  orphans(): Promise<Orphan[]>;
  /**
   * One batch, one transaction. What calls of models came to is in `usage` from then on, also after a kill. Throws StoreError `full`
   * or `unavailable`.
   */
  appendAudit(events: readonly AuditEvent[]): Promise<void>;
  /** Newest first. */
  queryAudit(filter: AuditFilter): Promise<AuditEvent[]>;
  /**
   * What a filter asks for of the rows behind `after`: a part of them, and the caller asks again from `last` until that
   * stays where it is. Without `after` the newest there are, and `last` is the end of the log. Every row is seen once.
   */
  auditTail(after: number | undefined, filter: AuditFilter): Promise<AuditTail>;
  /** Calls back when there may be more in the log: SQLite after each write, Postgres once a second. Returns how to stop. */
  onAudit(ring: () => void): () => void;
  /** Bytes in SQLite's write-ahead log; undefined on Postgres. */
  logBytes(): number | undefined;
  /** Each combination of day, user, token and llm there is, by day. */
  usage(filter: UsageFilter): Promise<UsageRow[]>;
  /** All agents' sessions. */
  providerSessions(): Promise<ProviderSession[]>;
  /** Adds one. */
  addProviderSession(session: ProviderSession): Promise<void>;
  /** Raises the epoch by one, whoever else does so at the same time, and sets the rest. Null when it is gone. */
  raiseEpoch(
    id: string,
    change: Pick<ProviderSession, "bootId" | "machineId" | "protocol" | "seenAt">,
  ): Promise<ProviderSession | null>;
  /** Remembers when agents were last heard of. By session id. */
  touchProviderSessions(seen: ReadonlyMap<string, number>): Promise<void>;
  deleteProviderSession(id: string): Promise<void>;
  /** A user's threads, those last spoken in first; with one persona, where it is given. */
  threads(ownerId: string, agentId?: string): Promise<Thread[]>;
  thread(id: string): Promise<Thread | null>;
  /** What was said in a thread, in order: messages of the chat dialect. */
  threadMessages(id: string): Promise<Record<string, unknown>[]>;
  addThread(thread: Thread): Promise<void>;
  /** Adds what was said, in one transaction. Returns false when the thread is gone. */
  appendToThread(id: string, messages: readonly Record<string, unknown>[], at: number): Promise<boolean>;
  deleteThread(id: string): Promise<void>;
  /** Remembers when tokens were last used. */
  touchTokens(used: ReadonlyMap<string, number>): Promise<void>;
  /** Drops expired sessions, and changes but the newest `keepChanges`. */
  prune(now: number, keepChanges: number): Promise<void>;
  /** Throws StoreError unless the database answers. */
  ping(): Promise<void>;
  close(): Promise<void>;
}
