import type { Quirks } from "../../../adapters/quirks/types.ts";
import type { Capabilities } from "../../../kinds/llm-settings.ts";
import { idsOf } from "./contents.ts";
import type { RowOf } from "./typed-rows.ts";
import type { Change, Contents, Ref, Row, Session } from "./types.ts";

/** Rows of one kind. */
export interface Table<R = Row> {
  /** Rows outside any scope, by name: most kinds have no scopes. */
  readonly byName: ReadonlyMap<string, R>;
  /** Rows of a scope, by `scope/name`. */
  readonly scoped: ReadonlyMap<string, R>;
  /** Rows sorted by name, then scope, then id. */
  readonly sorted: readonly R[];
}

/** A reference, and the id of the row that has it. */
export type Pointer = Ref & { fromId: string };

/** The health of a secret backend at the last check. */
export interface BackendHealth {
  status: "healthy" | "warning" | "error";
  reason: string | null;
  /** RFC 3339. */
  checkedAt: string;
}

/** The health of an llm. Times are in milliseconds since 1970. */
export interface LlmHealth {
  isFailing: boolean;
  /** The time of the first success or failure in a row. */
  since: number;
  /** The time of the last call or probe. */
  checkedAt: number;
  /** The time to the first token of the last call that succeeded, or to its whole answer. */
  latencyMs?: number;
  /** The last failure, also if it is over. */
  lastError?: { at: number; code: string; message: string };
}

/** State that changes without a commit, by id. All snapshots share it. */
export interface VolatileState {
  /** The last use of tokens, in milliseconds since 1970. */
  readonly lastUsed: Map<string, number>;
  /** The health of secret backends. */
  readonly health: Map<string, BackendHealth>;
  /** The health of llms as calls and probes of this server show it. */
  readonly llmHealth: Map<string, LlmHealth>;
  /** The last contact of workstation agents, by session, in milliseconds since 1970. */
  readonly seen: Map<string, number>;
  /** Quirks of llms that refusals of their providers have taught, until a time of the monotonic clock. */
  readonly learned: Map<string, LearnedQuirk>;
  /** The answers of providers to the question what an llm can do. */
  readonly capabilities: Map<string, ProbedCapabilities>;
  /** The use of instances of MCP servers that run on this server. */
  readonly instances: Map<string, InstanceUse>;
  /** The result of the last read of the links of prompts. */
  readonly links: Map<string, LinkState>;
}

/** The result of the last read of a prompt's link: its text came, the server has no such resource, or the read failed. */
export type LinkState = "ready" | "missing" | "unreadable";

/** The use of an instance of an MCP server. */
export interface InstanceUse {
  /** Returns the number of calls under way. */
  calls(): number;
  /** Returns the memory of its processes. */
  memoryMb(): number | undefined;
  /** Milliseconds since 1970. */
  lastUsedAt?: number;
}

/** The capabilities of an llm as its provider tells them. */
export interface ProbedCapabilities {
  capabilities: Capabilities;
  /** The time of the answer, in milliseconds since 1970. */
  at: number;
}

export interface LearnedQuirk {
  quirks: Quirks;
  /** Milliseconds. */
  until: number;
}

function emptyState(): VolatileState {
  return {
    lastUsed: new Map(),
    health: new Map(),
    llmHealth: new Map(),
    seen: new Map(),
    learned: new Map(),
    capabilities: new Map(),
    instances: new Map(),
    links: new Map(),
  };
}

const emptyTable: Table = { byName: new Map(), scoped: new Map(), sorted: [] };

/** Returns the key of a row in `Table.byName`. */
export function nameKey(scope: string, name: string): string {
  return `${scope}/${name}`;
}

/**
 * The whole catalogue at one revision, in memory. A snapshot never changes: a commit makes a new one, and holders of the
 * old one keep a consistent view. Values that are computed from a snapshot can be cached in a WeakMap with it as the key.
 */
export class Snapshot {
  readonly revision: number;
  readonly byId: ReadonlyMap<string, Row>;
  /** References to a row, by the id of the row. */
  readonly pointersTo: ReadonlyMap<string, readonly Pointer[]>;
  /** Ids of tokens by the SHA-256 of their bearers. */
  readonly bearers: ReadonlyMap<string, string>;
  /** Login sessions by the SHA-256 of their bearers. */
  readonly sessions: ReadonlyMap<string, Session>;
  readonly sessionIds: ReadonlySet<string>;
  /** Ids of the users that have a password. */
  readonly withPassword: ReadonlySet<string>;
  readonly volatile: VolatileState;
  readonly #refs: readonly Pointer[];
  readonly #tables = new Map<string, Table>();

  constructor(contents: Contents, volatile: VolatileState = emptyState()) {
    const { lastUsed } = volatile;
    for (const { tokenId, at } of contents.lastUsed)
      lastUsed.set(tokenId, Math.max(at, lastUsed.get(tokenId) ?? 0));
    this.volatile = volatile;
    this.revision = contents.revision;
    this.byId = new Map(contents.rows.map((row) => [row.id, row]));
    this.bearers = new Map(contents.bearers.map(({ hash, tokenId }) => [hash, tokenId]));
    this.sessions = new Map(contents.sessions.map((session) => [session.hash, session]));
    this.sessionIds = new Set(contents.sessions.map(({ id }) => id));
    this.withPassword = new Set(contents.withPassword);
    this.#refs = contents.refs;
    const pointers = new Map<string, Pointer[]>();
    for (const ref of contents.refs) {
      const list = pointers.get(ref.toId);
      if (list) list.push(ref);
      else pointers.set(ref.toId, [ref]);
    }
    this.pointersTo = pointers;
  }

  /** Returns the rows of a kind, by its singular name, with the types of that kind. They are sorted on first use. */
  table<Name extends string>(kind: Name): Table<RowOf<Name>> {
    return this.#table(kind) as unknown as Table<RowOf<Name>>;
  }

  #table(kind: string): Table {
    const known = this.#tables.get(kind);
    if (known) return known;
    const sorted = [...this.byId.values()]
      .filter((row) => row.kind === kind)
      .sort((a, b) => compare(a.name, b.name) || compare(a.scope, b.scope) || compare(a.id, b.id));
    const table =
      sorted.length === 0
        ? emptyTable
        : {
            byName: new Map(sorted.filter(({ scope }) => scope === "").map((row) => [row.name, row])),
            scoped: new Map(sorted.map((row) => [nameKey(row.scope, row.name), row])),
            sorted,
          };
    this.#tables.set(kind, table);
    return table;
  }

  /** Returns the row of a kind and name; undefined if there is none. */
  named<Name extends string>(kind: Name, name: string, scope = ""): RowOf<Name> | undefined {
    const { byName, scoped } = this.table(kind);
    return scope === "" ? byName.get(name) : scoped.get(nameKey(scope, name));
  }

  /** Returns the references of a row to others. */
  refsOf(id: string): Ref[] {
    return this.#refs
      .filter(({ fromId }) => fromId === id)
      .map(({ path, toId, onDelete }) => ({ path, toId, onDelete }));
  }

  /** Returns the name of the row with an id, or null if it no longer exists. */
  nameOf(id: string | null): string | null {
    return id === null ? null : (this.byId.get(id)?.name ?? null);
  }

  /**
   * Returns the snapshot after some changes.
   *
   * @param now the rows, credentials and sessions of these changes as they are now
   */
  after(changes: readonly Change[], now: Omit<Contents, "revision">): Snapshot {
    const ids = idsOf(changes);
    const rows = replaced(this.byId.values(), (row) => row.id, ids.rows, now.rows);
    // The credentials and sessions of a deleted row go with it, and no change tells of them.
    const there = new Set(rows.map((row) => row.id));
    const bearers = Array.from(this.bearers, ([hash, tokenId]) => ({ hash, tokenId }));
    const contents = {
      revision: changes.at(-1)?.revision ?? this.revision,
      rows,
      refs: replaced(this.#refs, (ref) => ref.fromId, ids.rows, now.refs),
      bearers: replaced(bearers, (bearer) => bearer.tokenId, ids.credentials, now.bearers).filter((bearer) =>
        there.has(bearer.tokenId),
      ),
      sessions: replaced(this.sessions.values(), (session) => session.id, ids.sessions, now.sessions).filter(
        (session) => there.has(session.userId),
      ),
      withPassword: replaced(this.withPassword, (id) => id, ids.credentials, now.withPassword).filter((id) =>
        there.has(id),
      ),
      lastUsed: now.lastUsed,
    };
    const next = new Snapshot(contents, this.volatile);
    // Tables of kinds without changes stay as they are.
    const kinds = new Set(changes.map((change) => change.kind));
    for (const [kind, table] of this.#tables) if (!kinds.has(kind)) next.#tables.set(kind, table);
    return next;
  }
}

/** Returns items, with those of some ids replaced by their present versions. */
function replaced<T>(
  items: Iterable<T>,
  id: (item: T) => string,
  ids: readonly string[],
  now: readonly T[],
): T[] {
  const gone = new Set(ids);
  return [...[...items].filter((item) => !gone.has(id(item))), ...now];
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
