import { createHash } from "node:crypto";
import type { OAuthClient } from "../../../mcp/oauth/client-registration.ts";
import type { TokenServer, TokenSet } from "../../../mcp/oauth/tokens.ts";
import type { Catalogue } from "../../core/catalogue/catalogue.ts";
import {
  authorizationFor,
  authorizationsOf,
  backendOf,
  isSharedAuthorization,
  type StoredAuthorization,
} from "../../core/catalogue/mcp-authorizations.ts";
import { newId, type Random } from "../../core/ids.ts";
import type { AuthorizationChallenge, AuthorizationStatus } from "../../core/store/authorization-status.ts";
import type { WriteCondition } from "../../core/store/conditions.ts";
import type { Snapshot } from "../../core/store/snapshot.ts";
import type { McpServerRow } from "../../core/store/typed-rows.ts";
import { type AuditEvent, type Row, StoreError, type Write } from "../../core/store/types.ts";
import type { Backends } from "../../secrets/backends.ts";
import type { SecretWrites } from "../../secrets/secret-writes.ts";

/** A login that waits for the answer of the authorization server. All of it is secret. */
export interface LoginFlow {
  /** Proves that an answer belongs to it; also the name under which callers know it. */
  state: string;
  /** The verifier of PKCE. */
  verifier: string;
  redirectUri: string;
  /** Milliseconds since 1970. */
  until: number;
  startedBy: string;
  server: TokenServer;
  client: OAuthClient;
  resource?: string;
  scope?: string;
}

/** The values that are kept with an authorization on its secret backend, all of them secret. */
export interface AuthorizationRecord {
  server?: TokenServer;
  client?: OAuthClient;
  resource?: string;
  tokens?: TokenSet;
  flow?: LoginFlow;
  /** The keys that a user has given, where a server wants them, with the hash of the definition that they are for. */
  keys?: { definition: string; values: Readonly<Record<string, string>> };
}

/** A change of an authorization. */
export interface AuthorizationChange {
  status: AuthorizationStatus;
  /** The new record; the old one stays if it is left out. */
  record?: AuthorizationRecord;
  event?: AuditEvent;
  /** The conditions that must hold when it is written. */
  conditions?: readonly WriteCondition[];
}

export interface AuthorizationStoreOptions {
  catalogue: Catalogue;
  backends: Backends;
  secretWrites: SecretWrites;
  now(): number;
  random: Random;
  onError(error: unknown): void;
}

/** Attempts of a write that loses against other writes. */
const attempts = 8;
/** The records that are kept in memory. */
const cacheSize = 1000;

/**
 * The authorizations of MCP servers: rows that say who may know it, and records with tokens on the default secret backend,
 * as the values of secrets are. A record is written beside the old one, so that a row always points at a whole one.
 */
export class AuthorizationStore {
  readonly #options: AuthorizationStoreOptions;
  readonly #cache = new Map<string, AuthorizationRecord>();

  constructor(options: AuthorizationStoreOptions) {
    this.#options = options;
  }

  byId(id: string): StoredAuthorization | undefined {
    const row = this.#options.catalogue.snapshot.byId.get(id);
    return row?.kind === "authorization" ? (row as StoredAuthorization) : undefined;
  }

  /** Returns the authorization for the calls of a user; of `""`, that of everybody. */
  find(server: McpServerRow, userId: string): StoredAuthorization | undefined {
    return authorizationFor(this.#options.catalogue.snapshot, server, userId);
  }

  /** Returns the same, and makes one that waits for a login if there is none. */
  async need(
    server: McpServerRow,
    userId: string,
    challenge?: AuthorizationChallenge,
  ): Promise<StoredAuthorization> {
    const { catalogue, now, random } = this.#options;
    for (let attempt = 1; ; attempt++) {
      const found = this.find(server, userId);
      if (found) return found;
      const { snapshot } = catalogue;
      const owner = isSharedAuthorization(server) || userId === "" ? undefined : userId;
      const own = authorizationsOf(snapshot, server.id).find(({ status }) => status.userId === owner);
      const name = own?.name ?? freeName(server, owner, snapshot);
      const at = now();
      const row: Row = {
        id: newId("aut", at, random),
        kind: "authorization",
        scope: "",
        name,
        owner: owner ?? server.owner,
        // It tells who uses which service: for the user and administrators alone.
        visibility: "private",
        spec: {},
        status: {
          server: server.name,
          serverId: server.id,
          ...(server.spec.url !== undefined && { url: server.spec.url }),
          ...(owner !== undefined && { userId: owner }),
          state: "needed",
          ...(challenge && { challenge }),
        } satisfies Partial<Record<keyof AuthorizationStatus, unknown>>,
        version: 1,
        createdAt: at,
        updatedAt: at,
      };
      const writes: Write[] = [
        // One for another url than the server has now.
        ...(own ? [{ op: "delete" as const, id: own.id, version: own.version }] : []),
        { op: "insert", row, refs: [] },
      ];
      if (!(await this.#committed(writes, attempt))) continue;
    }
  }

  /** Reads the record of an authorization. Throws AppError if its backend does not answer. */
  async record({ status, spec }: StoredAuthorization): Promise<AuthorizationRecord> {
    const ref = status.externalRef;
    if (ref === undefined) return {};
    const known = this.#cache.get(ref);
    if (known) return known;
    const { catalogue, backends } = this.#options;
    const backend = catalogue.snapshot.named("secretbackend", backendOf(spec)) as Row | undefined;
    if (!backend) return {};
    const values = await backends.driver(backend).read(ref);
    const record = JSON.parse(values?.["record"] ?? "{}") as AuthorizationRecord;
    this.#remember(ref, record);
    return record;
  }

  /** Returns the tokens and keys of all authorizations of a server, and the secrets of clients. @throws AppError as `record` does */
  async secretsOf(serverId: string): Promise<string[]> {
    const rows = authorizationsOf(this.#options.catalogue.snapshot, serverId);
    const records = await Promise.all(rows.map((row) => this.record(row)));
    return records.flatMap(({ tokens, client, keys }) =>
      [
        tokens?.accessToken,
        tokens?.refreshToken,
        client?.client_secret,
        ...Object.values(keys?.values ?? {}),
      ].filter((one) => one !== undefined),
    );
  }

  /** Returns the record if it is in memory. */
  held({ status }: StoredAuthorization): AuthorizationRecord | undefined {
    return status.externalRef === undefined ? {} : this.#cache.get(status.externalRef);
  }

  /**
   * Changes an authorization.
   *
   * @param step returns the change, or undefined for none; it is called again if another write came first
   * @returns the row as it now is; undefined if it is gone
   */
  async change(
    id: string,
    step: (row: StoredAuthorization, record: AuthorizationRecord) => AuthorizationChange | undefined,
  ): Promise<StoredAuthorization | undefined> {
    const { catalogue, secretWrites, now } = this.#options;
    for (let attempt = 1; ; attempt++) {
      const row = this.byId(id);
      if (!row) return undefined;
      const change = step(row, await this.record(row));
      if (!change) return row;
      const { snapshot } = catalogue;
      const before = snapshot.named("secretbackend", backendOf(row.spec)) as Row | undefined;
      const backend =
        change.record && snapshot.table("secretbackend").sorted.find((one) => one.spec.isDefault);
      const old = row.status.externalRef;
      const ref =
        change.record && backend
          ? await secretWrites.put(backend as Row, id, { record: JSON.stringify(change.record) })
          : old;
      const isNew = ref !== old && ref !== undefined;
      const status = { ...change.status, ...(ref !== undefined && { externalRef: ref }) };
      const next: Row = {
        ...row,
        spec: isNew ? { backend: backend!.name } : row.spec,
        status,
        version: row.version + 1,
        updatedAt: now(),
      };
      const writes: Write[] = [
        ...(change.conditions ?? []),
        ...(isNew ? [secretWrites.adopt(ref)] : []),
        ...(isNew && old !== undefined && before ? [secretWrites.letGo(before, old)] : []),
        {
          op: "update",
          row: next,
          refs: isNew
            ? [{ path: "/backend", toId: backend!.id, onDelete: "restrict" }]
            : [...snapshot.refsOf(id)],
        },
        ...(change.event ? [{ op: "audit" as const, event: change.event }] : []),
      ];
      // Known before the commit, so that nobody who sees the row has to read it.
      if (isNew) this.#remember(ref, change.record!);
      const discard = (from: Row | undefined, what: string | undefined) =>
        from && what !== undefined
          ? secretWrites.discard(from, what).catch(this.#options.onError)
          : Promise.resolve();
      if (
        await this.#committed(writes, attempt, () =>
          isNew ? discard(backend as Row, ref) : Promise.resolve(),
        )
      ) {
        if (isNew) await discard(before, old);
        return this.byId(id);
      }
    }
  }

  /** Deletes a row. Its record is deleted later, when its tokens have been revoked. */
  async remove(id: string, event?: AuditEvent): Promise<void> {
    const { catalogue, secretWrites } = this.#options;
    for (let attempt = 1; ; attempt++) {
      const row = this.byId(id);
      if (!row) return;
      const backend = catalogue.snapshot.named("secretbackend", backendOf(row.spec)) as Row | undefined;
      const ref = row.status.externalRef;
      const writes: Write[] = [
        ...(ref !== undefined && backend ? [secretWrites.letGo(backend, ref)] : []),
        { op: "delete", id, version: row.version },
        ...(event ? [{ op: "audit" as const, event }] : []),
      ];
      if (await this.#committed(writes, attempt)) return;
    }
  }

  /** Takes the record of a row that was deleted, and deletes it. */
  async discard(
    row: StoredAuthorization,
    use: (record: AuthorizationRecord) => Promise<void>,
  ): Promise<void> {
    const { catalogue, secretWrites } = this.#options;
    const ref = row.status.externalRef;
    const backend = catalogue.snapshot.named("secretbackend", backendOf(row.spec)) as Row | undefined;
    if (ref === undefined || !backend) return;
    try {
      await use(await this.record(row));
    } finally {
      this.#cache.delete(ref);
      await secretWrites.discard(backend, ref);
    }
  }

  #remember(ref: string, record: AuthorizationRecord): void {
    this.#cache.set(ref, record);
    if (this.#cache.size > cacheSize) this.#cache.delete(this.#cache.keys().next().value!);
  }

  /** Returns false if another write came first. */
  async #committed(
    writes: readonly Write[],
    attempt: number,
    undo: () => Promise<unknown> = async () => undefined,
  ): Promise<boolean> {
    const { catalogue } = this.#options;
    try {
      await catalogue.commit(writes);
      return true;
    } catch (error) {
      await undo();
      const mayPass = error instanceof StoreError && ["taken", "stale", "dangling"].includes(error.refusal);
      if (!mayPass || attempt >= attempts) throw error;
      await catalogue.refresh();
      return false;
    }
  }
}

/** The longest name of a row. */
const maxName = 100;

/** Returns the name of a new row: that of the server, and for one user's calls that of the user behind it. */
function freeName({ id, name }: McpServerRow, userId: string | undefined, snapshot: Snapshot): string {
  if (userId === undefined && snapshot.named("authorization", name) === undefined) return name;
  const plain = `${name}-${snapshot.nameOf(userId ?? null) ?? "shared"}`;
  if (plain.length <= maxName && snapshot.named("authorization", plain) === undefined) return plain;
  const hash = createHash("sha256")
    .update(`${id} ${userId ?? ""}`)
    .digest("hex")
    .slice(0, 12);
  return `${name.slice(0, maxName - hash.length - 1)}-${hash}`;
}
