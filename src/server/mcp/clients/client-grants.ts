import { clientGrant } from "../../../kinds/client-grant.ts";
import { bearerHash, mintBearer } from "../../core/access/bearer.ts";
import type { Principal } from "../../core/access/policy.ts";
import { ownedBy, type Quotas } from "../../core/access/quotas.ts";
import { standing } from "../../core/access/standing.ts";
import { type Caller, changeEvent } from "../../core/caller.ts";
import type { Catalogue } from "../../core/catalogue/catalogue.ts";
import { retryingStale } from "../../core/catalogue/retrying-stale.ts";
import { base32, newId, type Random } from "../../core/ids.ts";
import type { Snapshot } from "../../core/store/snapshot.ts";
import type { ClientGrantRow, ProjectRow } from "../../core/store/typed-rows.ts";
import { type AuditEvent, type Row, StoreError, type Write } from "../../core/store/types.ts";
import type { AuthorizationRequest } from "./authorization-request.ts";
import { grantIndex } from "./grant-index.ts";

/** A row as the store has it. */
export type StoredGrant = ClientGrantRow & Row;

/** Milliseconds for which a code can be exchanged. */
export const codeLife = 60_000;

export interface ClientGrantsOptions {
  catalogue: Catalogue;
  quotas: Quotas;
  /** Milliseconds since 1970. */
  now(): number;
  random: Random;
}

/** The access that users gave to MCP clients: rows of the kind `grant`, with hashes of codes and tokens. */
export class ClientGrants {
  readonly #options: ClientGrantsOptions;

  constructor(options: ClientGrantsOptions) {
    this.#options = options;
  }

  get snapshot(): Snapshot {
    return this.#options.catalogue.snapshot;
  }

  /** Gives a client access to a project for the caller. Returns the code that the client exchanges for tokens. Throws StoreError. */
  async give(
    caller: Caller,
    { client, redirectUri, challenge }: AuthorizationRequest,
    project: ProjectRow,
  ): Promise<string> {
    const { quotas, now, random } = this.#options;
    const { principal } = caller;
    const at = now();
    const code = mintBearer("cod", random);
    const row: StoredGrant = {
      id: newId(clientGrant.idPrefix, at, random),
      kind: clientGrant.kind,
      scope: "",
      name: nameFor(client.name, project.name, random),
      owner: principal.userId,
      visibility: null,
      spec: {},
      status: {
        projectId: project.id,
        clientId: client.id,
        clientName: client.name,
        redirectUri,
        codeHash: bearerHash(code),
        challenge,
        until: at + codeLife,
      },
      version: 1,
      createdAt: at,
      updatedAt: at,
    };
    const has = ownedBy(this.snapshot, clientGrant.kind, principal.userId);
    const release = quotas.reserve(this.snapshot, principal, clientGrant.plural, has);
    const noted = { project: project.name, client: client.name, redirectUri };
    const event = changeEvent(caller, "create", row, at, [], noted);
    const writes: Write[] = [
      // A login that a new password has ended gives nothing any more (T341).
      ...standing(principal),
      { op: "insert", row, refs: [] },
      { op: "audit", event },
    ];
    await this.#options.catalogue.commit(writes).finally(release);
    return code;
  }

  /** Returns the grant that has a hash; also one that another server on the database has just written. */
  async find(by: "code" | "family", hash: string): Promise<StoredGrant | undefined> {
    const look = () => grantIndex(this.snapshot)[by].get(hash);
    const found = look();
    if (found || this.#options.catalogue.store.dialect === "sqlite") return found;
    await this.#options.catalogue.refresh();
    return look();
  }

  /** Writes a grant anew, with the hash of its access token. Returns false if another write came first. */
  async update(before: StoredGrant, status: StoredGrant["status"], accessHash?: string): Promise<boolean> {
    const { now } = this.#options;
    const row = { ...before, status, version: before.version + 1, updatedAt: now() };
    const writes: Write[] = [{ op: "update", row, refs: [] }];
    if (accessHash !== undefined) writes.push({ op: "setBearer", tokenId: row.id, hash: accessHash });
    return this.#commit(writes);
  }

  /**
   * Deletes a grant, whatever other writes do meanwhile.
   *
   * @param event makes the audit event
   */
  async end(
    id: string,
    event: (row: StoredGrant, caller: Caller) => AuditEvent,
    requestId: string,
  ): Promise<void> {
    await retryingStale(this.#options.catalogue, () => {
      const row = this.snapshot.byId.get(id) as StoredGrant | undefined;
      if (!row) return [];
      return [
        { op: "delete", id, version: row.version },
        { op: "audit", event: event(row, { principal: ownerOf(row), requestId }) },
      ];
    });
  }

  /** Deletes the grants that are over: codes that nobody exchanged, and refresh tokens that were not used. */
  async sweep(): Promise<void> {
    const { now } = this.#options;
    for (const row of this.snapshot.table(clientGrant.kind).sorted as readonly StoredGrant[])
      if (row.status.until <= now()) await this.#commit([{ op: "delete", id: row.id, version: row.version }]);
  }

  /** Returns false if another write came first, of which the snapshot then knows. */
  async #commit(writes: readonly Write[]): Promise<boolean> {
    const { catalogue } = this.#options;
    try {
      await catalogue.commit(writes);
      return true;
    } catch (error) {
      if (!(error instanceof StoreError) || error.refusal !== "stale") throw error;
      await catalogue.refresh();
      return false;
    }
  }
}

/** The user of a grant as far as an audit event needs it: the client acts for it. */
function ownerOf({ id, name, owner }: StoredGrant): Principal {
  return { kind: "Token", id, name, userId: owner ?? "", userName: "", groups: [], policies: [] };
}

/** Returns the name of a new grant: `claude-website-k3f9x2`. */
function nameFor(client: string, project: string, random: Random): string {
  const part = (text: string) =>
    text
      .toLowerCase()
      .replace(/[^a-z0-9]+/g, "-")
      .slice(0, 40)
      .replace(/^-+|-+$/g, "");
  const suffix = base32(random(new Uint8Array(5)));
  return [part(client) || "client", part(project), suffix].filter(Boolean).join("-");
}
