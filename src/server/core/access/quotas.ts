import { AppError } from "../../../errors.ts";
import { quotas } from "../../../kinds/quotas.ts";
import { user } from "../../../kinds/user.ts";
import { oncePerObject } from "../once-per-object.ts";
import type { Snapshot } from "../store/snapshot.ts";
import { specOf } from "../store/typed-rows.ts";
import type { Row } from "../store/types.ts";
import { isAdministrator, type Principal } from "./policy.ts";
import { userPolicy } from "./principals.ts";

/** Seconds after which it is worth trying again. */
const retryAfter = 10;

/** Somebody whose quotas count: a principal, or a user who has not asked. */
type QuotaHolder = Pick<Principal, "userId" | "userName" | "policies">;

/** Bounds what one user can have: objects of each kind, logins, threads, agents, streams (T116). */
export class Quotas {
  readonly #most: ReadonlyMap<string, number>;
  /** Objects that are being made and do not count yet, by user and name of the quota. */
  readonly #pending = new Map<string, number>();
  /** The number of reservations that have ended, by user. */
  readonly #ended = new Map<string, number>();

  /** @param given bounds that the server sets instead of the defaults, by name */
  constructor(given: Readonly<Record<string, number>> = {}) {
    this.#most = new Map(quotas.map(({ name, most }) => [name, given[name] ?? most]));
  }

  /**
   * Reserves room for something that a principal makes. Requests at the same time cannot have more in sum.
   *
   * @param has the number that the user of the principal has now
   * @returns a function that ends the reservation: when it is made and counts, or when it was refused
   * @throws AppError `conflict` or `too_many_requests` with the number
   */
  reserve(snapshot: Snapshot, principal: QuotaHolder, name: string, has: number, adding = 1): () => void {
    const most = isAdministrator(principal) ? undefined : this.#of(snapshot, principal.userId, name);
    if (most === undefined) return () => {};
    const key = `${principal.userId} ${name}`;
    const pending = this.#pending.get(key) ?? 0;
    if (has + pending + adding > most) throw exceeded(principal.userName, name, most);
    this.#pending.set(key, pending + adding);
    return () => {
      this.#ended.set(principal.userId, this.#endedOf(principal) + 1);
      const left = this.#pending.get(key)! - adding;
      if (left === 0) this.#pending.delete(key);
      else this.#pending.set(key, left);
    };
  }

  /**
   * Reserves room for something that the database counts. Where a reservation of the user ends while it counts, it counts
   * again: what that one was for may be missing (T346).
   *
   * @param reserve is called with the count; it reserves at once
   * @returns a function that ends the reservation
   * @throws AppError as `reserve` does; what `count` throws
   */
  async reserveCounted<T>(
    principal: Principal,
    count: () => Promise<T>,
    reserve: (has: T) => () => void,
  ): Promise<() => void> {
    for (;;) {
      const ended = this.#endedOf(principal);
      const has = await count();
      if (this.#endedOf(principal) === ended) return reserve(has);
    }
  }

  #endedOf({ userId }: QuotaHolder): number {
    return this.#ended.get(userId) ?? 0;
  }

  /** Returns the bound for a user: its own, or that of the server; undefined if nothing is bounded by that name. */
  #of(snapshot: Snapshot, userId: string, name: string): number | undefined {
    const row = snapshot.byId.get(userId);
    return (row && specOf(user, row).quotas?.[name]) ?? this.#most.get(name);
  }
}

/** Returns the number of rows of a kind that a user owns. */
export function ownedBy(snapshot: Snapshot, kind: string, userId: string): number {
  return snapshot.table(kind).sorted.filter(({ owner }) => owner === userId).length;
}

/**
 * Reserves room for objects that grow: lists must not become so large that reading them takes long. What somebody else
 * writes into the objects of a user counts for that user, too (T371).
 *
 * @returns a function that ends the reservation
 * @throws AppError `conflict` with the number
 */
export function reserveSize(
  quotas: Quotas,
  snapshot: Snapshot,
  principal: Principal,
  changes: readonly { before: Row | undefined; row: Row }[],
): () => void {
  if (isAdministrator(principal)) return () => {};
  const releases: (() => void)[] = [];
  const release = () => {
    for (const end of releases) end();
  };
  try {
    for (const [ownerId, own] of Map.groupBy(changes, ({ row }) => row.owner)) {
      const growth = own.reduce(
        (sum, { before, row }) => sum + kilobytesOf(row) - (before ? kilobytesOf(before) : 0),
        0,
      );
      const owner = ownerId === principal.userId ? principal : holderOf(snapshot, ownerId);
      if (growth <= 0 || !owner) continue;
      let has = 0;
      for (const row of snapshot.byId.values()) if (row.owner === ownerId) has += kilobytesOf(row);
      releases.push(quotas.reserve(snapshot, owner, "kilobytes", has, Math.ceil(growth)));
    }
    return release;
  } catch (error) {
    release();
    throw error;
  }
}

/** Returns the user of an id as one who has quotas; undefined if there is none. */
function holderOf(snapshot: Snapshot, id: string | null): QuotaHolder | undefined {
  const row = id === null ? undefined : snapshot.byId.get(id);
  return row?.kind === user.kind
    ? { userId: row.id, userName: row.name, policies: [userPolicy(snapshot, row)] }
    : undefined;
}

function kilobytesOf(row: Row): number {
  return sizes(row).kilobytes;
}

const sizes = oncePerObject(({ spec, status }: Row) => ({
  kilobytes: (JSON.stringify(spec).length + JSON.stringify(status).length) / 1024,
}));

function exceeded(userName: string, name: string, most: number): AppError {
  const { passes } = quotas.find((quota) => quota.name === name)!;
  return new AppError(
    passes ? "too_many_requests" : "conflict",
    `user "${userName}" may have at most ${most} ${name}`,
    {
      hint: `end or delete some, or ask an administrator for: mcpctl patch user ${userName} quotas.${name}=N`,
      ...(passes && { retryAfter }),
    },
  );
}
