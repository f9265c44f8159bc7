import type { Quirks } from "../../../adapters/quirks/types.ts";
import type { Capabilities } from "../../../kinds/llm-settings.ts";
import { idsOf } from "./contents.ts";
import { type Indexes, indexesAfter, indexesOf } from "./indexes.ts";
import { nameKey, type Table, tableAfter, tableOf } from "./tables.ts";
import type { RowOf } from "./typed-rows.ts";
import type { Change, Contents, Ref } from "./types.ts";

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

/**
 * The whole catalogue at one revision, in memory. A snapshot never changes: a commit makes a new one, and holders of the
 * old one keep a consistent view. Values that are computed from a snapshot can be cached in a WeakMap with it as the key.
 */
export class Snapshot {
  readonly revision: number;
  readonly volatile: VolatileState;
  readonly #indexes: Indexes;
  readonly #tables: Map<string, Table>;

  /**
   * @param indexes those of the contents of all rows, where `contents` are only what has changed
   * @param tables those of some kinds, with all their rows
   */
  constructor(
    contents: Contents,
    volatile = emptyState(),
    indexes = indexesOf(contents),
    tables: ReadonlyMap<string, Table> = new Map(),
  ) {
    this.#tables = new Map(tables);
    const { lastUsed } = volatile;
    for (const { tokenId, at } of contents.lastUsed)
      lastUsed.set(tokenId, Math.max(at, lastUsed.get(tokenId) ?? 0));
    this.volatile = volatile;
    this.revision = contents.revision;
    this.#indexes = indexes;
  }

  get byId(): Indexes["byId"] {
    return this.#indexes.byId;
  }

  /** References to a row, by the id of the row. */
  get pointersTo(): Indexes["pointersTo"] {
    return this.#indexes.pointersTo;
  }

  /** Ids of tokens by the SHA-256 of their bearers. */
  get bearers(): Indexes["bearers"] {
    return this.#indexes.bearers;
  }

  /** Login sessions by the SHA-256 of their bearers. */
  get sessions(): Indexes["sessions"] {
    return this.#indexes.sessions;
  }

  get sessionIds(): Indexes["sessionIds"] {
    return this.#indexes.sessionIds;
  }

  /** Ids of the users that have a password. */
  get withPassword(): Indexes["withPassword"] {
    return this.#indexes.withPassword;
  }

  /** Returns the rows of a kind, by its singular name, with the types of that kind. They are sorted on first use. */
  table<Name extends string>(kind: Name): Table<RowOf<Name>> {
    return this.#table(kind) as unknown as Table<RowOf<Name>>;
  }

  #table(kind: string): Table {
    return this.#tables.get(kind) ?? this.#makeTable(kind);
  }

  #makeTable(kind: string): Table {
    const table = tableOf([...this.byId.values()].filter((row) => row.kind === kind));
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
    const refs = this.#indexes.refsFrom.get(id) ?? [];
    return refs.map(({ path, toId, onDelete }) => ({ path, toId, onDelete }));
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
    const revision = changes.at(-1)?.revision ?? this.revision;
    const next = new Snapshot({ ...now, revision }, this.volatile, indexesAfter(this.#indexes, ids, now));
    const rows = Map.groupBy(now.rows, ({ kind }) => kind);
    const changed = new Set(ids.rows);
    // Tables of kinds without changes stay as they are.
    const kinds = new Set(changes.map((change) => change.kind));
    for (const [kind, table] of this.#tables)
      next.#tables.set(kind, kinds.has(kind) ? tableAfter(table, changed, rows.get(kind) ?? []) : table);
    return next;
  }
}
