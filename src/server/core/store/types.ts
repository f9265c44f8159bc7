/** The interface of the database. SQLite and PostgreSQL implement it, and both pass one contract (`test/contract/store.ts`). */
import type { CallCount } from "./call-count.ts";
import type { ClusterStore } from "./cluster-store.ts";
import type { WriteCondition } from "./conditions.ts";
import type { CopyQueries } from "./copy/copy.ts";
import type { FormerNameQueries } from "./former-names.ts";
import type { TaskStore } from "./task-store.ts";

/** One resource of any kind, as stored. Times are milliseconds since 1970, UTC. */
export interface Row {
  id: string;
  kind: string;
  /** The name is unique within it; "" for most kinds. */
  scope: string;
  name: string;
  /** Id of the user who created the row; null for rows that the server created. */
  owner: string | null;
  visibility: "public" | "private" | null;
  /** Fields that users set. */
  spec: Record<string, unknown>;
  /** Fields that the server sets. */
  status: Record<string, unknown>;
  /** 1 after the create, and one more after each update. */
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

/** A login session. `hash` is the SHA-256 of its bearer in base64url; the bearer itself is not stored. */
export interface Session {
  id: string;
  hash: string;
  userId: string;
  createdAt: number;
  expiresAt: number;
  /** The user or token that acts as the user, in an impersonation. */
  impersonatorId: string | null;
  /** The login session of that user; null for a token and for the Unix socket. */
  impersonatorSessionId: string | null;
}

/**
 * A ref on a secret backend that no row points at: a new one until a row adopts it, or a doomed one that is about to be
 * deleted. Backends take no part in the transactions of the database: with this record an interruption leaves nothing there.
 */
export interface Orphan {
  ref: string;
  backendId: string;
  /** True if no row may adopt it any more. */
  doomed: boolean;
  at: number;
}

/**
 * The session of a workstation agent. It stays while the rows, connections and processes of the agent come and go. Each
 * process that takes it over raises its epoch.
 */
export interface ProviderSession {
  id: string;
  /** The user who registered it. */
  ownerId: string;
  /** Ids of the machine and of the process, as the agent gave them; null where it gave none. */
  machineId: string | null;
  bootId: string | null;
  /** Revision of the link protocol that the agent speaks. */
  protocol: number;
  epoch: number;
  createdAt: number;
  /** Time of the last contact. */
  seenAt: number;
}

/** A conversation of one user with one persona. */
export interface Thread {
  id: string;
  /** Id of the persona. The thread is deleted with it. */
  agentId: string;
  /** Id of the user, who alone can read the thread. */
  ownerId: string;
  /** The title that the user gave; "" without one. */
  title: string;
  createdAt: number;
  updatedAt: number;
}

/** An answer or a conversation that a provider keeps, such as `resp_…`, and the user or token that made it. */
export interface ProviderObject {
  /** Id of the user or token, which alone can use it. */
  ownerId: string;
  /** Its id at the provider. */
  id: string;
  /** Id of the llm whose provider keeps it. */
  llmId: string;
  /** The url and the key of the llm when it was made, in a form that tells neither. */
  place: string;
  at: number;
  expiresAt: number;
  /** The call of an answer that runs in the background and is not booked yet, as JSON. */
  pending: string | null;
}

/** One write of a transaction, of which all writes happen or none. */
export type Write =
  | WriteCondition
  | { op: "insert"; row: Row; refs: Ref[] }
  /** `row.version` is the new version. Refused as stale unless the stored version is one less. */
  | { op: "update"; row: Row; refs: Ref[] }
  /** Refused as stale unless the stored version is the given one, and as referenced while a ref points at it. */
  | { op: "delete"; id: string; version: number }
  /** Sets the argon2id hash of a user's password, or removes it if null. */
  | { op: "setPassword"; userId: string; hash: string | null }
  /** Sets the SHA-256 of a token's bearer, which is deleted with the row of the token. */
  | { op: "setBearer"; tokenId: string; hash: string }
  | { op: "insertSession"; session: Session }
  /** Deletes one session, if it still exists. */
  | { op: "deleteSession"; id: string }
  /** Deletes every session of a user except one. */
  | { op: "deleteSessionsOf"; userId: string; exceptId?: string }
  /** Deletes every thread of a user, with its messages. */
  /** Deletes a row for everybody. `deleteBuried` deletes the large things that go away with it, some at a time. */
  | { op: "bury"; id: string; version: number }
  | { op: "deleteThreadsOf"; userId: string }
  /** Deletes the files, batches and tasks of a user, or those of one token. The large parts go away in steps. */
  | { op: "deleteTasksOf"; userId: string; tokenId?: string }
  | {
      op: "putSecretData";
      ref: string;
      backendId: string;
      data: Readonly<Record<string, string>>;
      at: number;
    }
  /** Replaces data, if it exists. */
  | { op: "replaceSecretData"; ref: string; data: Readonly<Record<string, string>> }
  /** Deletes data, also from the write-ahead log of SQLite. */
  | { op: "deleteSecretData"; ref: string }
  | { op: "addOrphan"; orphan: Orphan }
  /** Refused as stale if the orphan is not on record: a row has adopted it. */
  | { op: "doomOrphan"; ref: string }
  /** A row adopts the ref of an orphan. Refused as stale if the orphan is not on record, or is doomed. */
  | { op: "adoptOrphan"; ref: string }
  | { op: "dropOrphan"; ref: string }
  | { op: "audit"; event: AuditEvent };

/** The reason why a transaction was refused. None of its writes has happened. */
export type Refusal =
  /** The name is taken in its kind and scope, or there would be a second default secret backend. */
  | "taken"
  /** The principal of the write has ended (`ifStanding`). */
  | "ended"
  /** The row has another version or no longer exists; the orphan is not on record or cannot be adopted. */
  | "stale"
  /** A reference still points at the row to delete. */
  | "referenced"
  /** A reference points at a row that does not exist. */
  | "dangling"
  /** The disk or the quota of the database is full. Reads still work. */
  | "full"
  /** The database cannot be reached, is locked by another process, or failed in a way that may pass. */
  | "unavailable";

export class StoreError extends Error {
  override readonly name = "StoreError";
  readonly refusal: Refusal;
  /** The reason in words that every caller may read, without paths and addresses. */
  readonly reason: string | undefined;
  constructor(refusal: Refusal, { cause, reason }: { cause?: unknown; reason?: string } = {}) {
    super(`the database failed: ${refusal}`, cause === undefined ? {} : { cause });
    this.refusal = refusal;
    this.reason = reason;
  }
}

/**
 * One event of the audit log. It never holds the content of messages, nor a secret. The fields of an inference call are
 * columns of their own; those of other actions are in `detail`.
 */
export interface AuditEvent {
  at: number;
  /** `llm_inference_call`, `login`, `login_failed`, `logout`, `create`, `update`, `delete`, `reveal`. */
  action: string;
  requestId: string;
  userId: string | null;
  tokenId: string | null;
  /** HTTP status of the response. */
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
  /** Millionths of a dollar; missing where the model has no price. */
  costMicros?: number;
  error?: string;
  /** For changes of the catalogue: `{kind, name, id, fields: [names of the changed fields]}`. */
  detail?: Record<string, unknown>;
}

export interface AuditFilter {
  /** Milliseconds: from `since` on, and before `until`. */
  since?: number;
  until?: number;
  llm?: string;
  /** The ids of a user and of a token. */
  user?: string;
  token?: string;
  action?: string;
  /** The id of a request. */
  requestId?: string;
  /** A range of statuses, both ends inclusive. */
  status?: { from: number; to: number };
  /** At most 1000. */
  limit: number;
}

/** A part of the audit log, oldest event first. */
export interface AuditTail {
  /** Events, each with the number of its row. */
  events: { row: number; event: AuditEvent }[];
  /** The number of the last row that was read. */
  last: number;
}

/** The usage of one llm by one user, with one token or with none, on one day. */
export interface UsageRow {
  /** `2026-11-21`, in UTC. */
  day: string;
  userId: string;
  /** "" for calls without a token. */
  tokenId: string;
  /** The name of the llm that answered; "" for calls for which none was found. */
  llm: string;
  requests: number;
  /** Requests that failed. */
  errors: number;
  promptTokens: number;
  completionTokens: number;
  cachedTokens: number;
  costMicros: number;
  /** Requests that used something for which their llm had no price. */
  unpriced: number;
  /** Other units that providers bill: images of answers, seconds of audio, characters that were spoken, searches. */
  images: number;
  seconds: number;
  characters: number;
  searches: number;
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
  /** Id of the row or session; for a credential, of its user or token. */
  id: string;
  operation: "insert" | "update" | "delete";
}

/** The data that a server keeps in memory, so that reads need no database. */
export interface Contents {
  /** The last change that is included. */
  revision: number;
  rows: Row[];
  /** References between rows: the row `fromId` has the field at `path`. */
  refs: (Ref & { fromId: string })[];
  /** Hashes of bearers, and the ids of their tokens. */
  bearers: { hash: string; tokenId: string }[];
  sessions: Session[];
  /** Ids of the users that have a password. */
  withPassword: string[];
  /** The last use of tokens that have been used. */
  lastUsed: { tokenId: string; at: number }[];
}

export interface Store extends CopyQueries, FormerNameQueries, TaskStore {
  readonly dialect: "sqlite" | "postgres";
  /** The servers on this database; undefined on SQLite, whose file belongs to one server. */
  readonly cluster?: ClusterStore;
  /** Applies writes in one transaction, with a change for each. Returns the last revision. Throws StoreError. */
  commit(writes: readonly Write[]): Promise<number>;
  /** Loads everything, as of one revision. */
  load(): Promise<Contents>;
  /** Returns the changes after a revision, in order and at most `limit`; null if some of them are pruned. */
  changesSince(revision: number, limit: number): Promise<Change[] | null>;
  /** Loads the rows, sessions and credentials of some changes as they are now, to update a snapshot. */
  loadSome(changes: readonly Change[]): Promise<Omit<Contents, "revision">>;
  /** Calls `ring` when another server may have written, at least every 2 s; never on SQLite. Returns `unsubscribe`. */
  onDoorbell(ring: () => void): () => void;
  passwordHash(userId: string): Promise<string | null>;
  secretData(ref: string): Promise<Record<string, string> | null>;
  /** Returns the refs of the secret data of a backend. */
  secretRefs(backendId: string): Promise<string[]>;
  /** Returns all orphans, oldest first. */
  orphans(): Promise<Orphan[]>;
  /**
   * Stores events in one transaction. Their usage is in `usage` from then on, also after a kill. Throws StoreError `full`
   * or `unavailable`: also for no events, if none could be stored now.
   */
  appendAudit(events: readonly AuditEvent[]): Promise<void>;
  /** Returns the events that match a filter, newest first. */
  queryAudit(filter: AuditFilter): Promise<AuditEvent[]>;
  /**
   * Counts the calls of MCP servers in the audit log, from a time on and before another one, in milliseconds. Those that a
   * limit has refused are left out.
   */
  countCalls(since: number, until: number): Promise<CallCount[]>;
  /**
   * Returns events that match a filter, from the rows behind `after`. They may be only some of them: the caller calls
   * again with `last` until `last` no longer changes, and gets every row once. Without `after`, returns the newest
   * events, and the end of the log as `last`.
   */
  auditTail(after: number | undefined, filter: AuditFilter): Promise<AuditTail>;
  /**
   * Calls `ring` when there may be new events: on SQLite after each write, on PostgreSQL once a second. Returns a
   * function that unsubscribes.
   */
  onAudit(ring: () => void): () => void;
  /**
   * Deletes the events before a time among the `most` rows behind row `after`. Keeps the newest event, so that numbers of
   * rows are not used twice, and events whose usage is not summed up yet.
   *
   * @returns the last of these rows, and if it is the end: nothing behind it is old, because the log is in the order of
   *   time, but for events of a clock that was ahead
   */
  trimAudit(before: number, after: number, most: number): Promise<{ last: number; isEnd: boolean }>;
  /** Deletes at most `most` rows of the usage of days before one. Returns their number. */
  trimUsage(day: string, most: number): Promise<number>;
  /** Returns the size of the database in bytes, without the write-ahead log of SQLite. */
  size(): Promise<number>;
  /** Returns the size of SQLite's write-ahead log in bytes; undefined on PostgreSQL. */
  logBytes(): number | undefined;
  /** Returns the usage that matches a filter, by day: a row for each day, user, token and llm. */
  usage(filter: UsageFilter): Promise<UsageRow[]>;
  /** Returns the sessions of all workstation agents. */
  providerSessions(): Promise<ProviderSession[]>;
  /** Stores a new session, if some conditions hold. */
  addProviderSession(session: ProviderSession, ...conditions: WriteCondition[]): Promise<void>;
  /** Raises the epoch of a session by one, atomically, and changes it. Returns null if it no longer exists. */
  raiseEpoch(
    id: string,
    change: Pick<ProviderSession, "bootId" | "machineId" | "protocol" | "seenAt">,
  ): Promise<ProviderSession | null>;
  /** Stores the last contact of agents, by the id of their session. */
  touchProviderSessions(seen: ReadonlyMap<string, number>): Promise<void>;
  deleteProviderSession(id: string): Promise<void>;
  /** Returns the number of threads of a user, and the bytes of their messages. */
  threadUse(ownerId: string): Promise<{ threads: number; bytes: number }>;
  /** Returns the threads of a user, the last used first; those with one persona, if it is given. */
  threads(ownerId: string, agentId?: string): Promise<Thread[]>;
  thread(id: string): Promise<Thread | null>;
  /** Returns the messages of a thread, in order: messages of the OpenAI chat dialect. */
  threadMessages(id: string): Promise<Record<string, unknown>[]>;
  /** Stores a new thread, if some conditions hold. */
  addThread(thread: Thread, ...conditions: WriteCondition[]): Promise<void>;
  /** Adds messages to a thread, in one transaction. Returns false if the thread no longer exists. */
  appendToThread(id: string, messages: readonly Record<string, unknown>[], at: number): Promise<boolean>;
  deleteThread(id: string): Promise<void>;
  /** Stores an object of a provider. One that is there under the same owner and id is replaced. */
  putProviderObject(object: ProviderObject): Promise<void>;
  providerObject(ownerId: string, id: string): Promise<ProviderObject | null>;
  deleteProviderObject(ownerId: string, id: string): Promise<void>;
  /** Returns the answers that run in the background and are not booked yet, the newest `most` of them. */
  pendingProviderObjects(most: number): Promise<ProviderObject[]>;
  /** Notes that an answer is booked. Returns false if that was noted before, by any server; true also if the object is gone. */
  bookProviderObject(ownerId: string, id: string): Promise<boolean>;
  /** Deletes objects that have expired, and of each owner all but the newest `most`. */
  pruneProviderObjects(now: number, most: number): Promise<void>;
  /** Stores the last use of tokens, by the id of the token. */
  touchTokens(used: ReadonlyMap<string, number>): Promise<void>;
  /** Deletes expired login sessions, and all changes except the newest `keepChanges`. */
  prune(now: number, keepChanges: number): Promise<void>;
  /** Throws StoreError if the database does not answer, or accepts no writes. */
  ping(): Promise<void>;
  close(): Promise<void>;
}
