import { AppError } from "../../../errors.ts";
import { quotas } from "../../../kinds/quotas.ts";
import { user } from "../../../kinds/user.ts";
import type { Snapshot } from "../store/snapshot.ts";
import { specOf } from "../store/typed-rows.ts";
import { isAdministrator, type Principal } from "./policy.ts";

/** Seconds after which it is worth trying again. */
const retryAfter = 10;

/** Bounds what one user can have: objects of each kind, logins, threads, agents, streams (T116). */
export class Quotas {
  readonly #most: ReadonlyMap<string, number>;
  /** What is being made and does not count yet, by user and name of the quota. */
  readonly #pending = new Map<string, number>();

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
  reserve(snapshot: Snapshot, principal: Principal, name: string, has: number, adding = 1): () => void {
    const most = isAdministrator(principal) ? undefined : this.#of(snapshot, principal.userId, name);
    if (most === undefined) return () => {};
    const key = `${principal.userId} ${name}`;
    const pending = this.#pending.get(key) ?? 0;
    if (has + pending + adding > most) throw exceeded(principal.userName, name, most);
    this.#pending.set(key, pending + adding);
    return () => {
      const left = this.#pending.get(key)! - adding;
      if (left === 0) this.#pending.delete(key);
      else this.#pending.set(key, left);
    };
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

function exceeded(userName: string, name: string, most: number): AppError {
  const { passes } = quotas.find((quota) => quota.name === name)!;
  return new AppError(
    passes ? "too_many_requests" : "conflict",
    `user "${userName}" may have ${most} ${name}, and has as many`,
    {
      hint: `end or delete some, or ask an administrator for: mcpctl patch user ${userName} quotas.${name}=N`,
      ...(passes && { retryAfter }),
    },
  );
}
