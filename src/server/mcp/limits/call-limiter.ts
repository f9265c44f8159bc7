import { holdersOf, type LimitHolder } from "../../core/access/limit-holders.ts";
import { type LimitState, limitRefusal, timeToEndOf } from "../../core/access/limit-state.ts";
import { type Principal, tokenIdOf } from "../../core/access/policy.ts";
import type { Catalogue } from "../../core/catalogue/catalogue.ts";
import { MinuteMeter } from "../../core/minute-meter.ts";
import { oncePerObject } from "../../core/once-per-object.ts";
import type { Snapshot } from "../../core/store/snapshot.ts";
import { dayOf } from "../../core/store/usage.ts";
import { type CallTotal, type CallTotals, SharedCalls } from "./shared-calls.ts";

/** The calls of one user or one token. */
interface CallAccount {
  minute: MinuteMeter;
  /** Calls by day. A clock that is set back and forward again gives no second allowance (T91). */
  days: Map<string, number>;
}

const minuteMilliseconds = 60_000;

/** Days that an account remembers. */
const mostDays = 3;

/** The holders of limits by the id of the principal, of one snapshot. */
const knownHolders = oncePerObject((_: Snapshot) => new Map<string, readonly LimitHolder[]>());

/** Keeps calls of MCP servers within the limits of tokens, users and groups. */
export class McpCallLimiter {
  readonly #catalogue: Catalogue;
  readonly #now: () => number;
  readonly #elapsed: () => number;
  readonly #accounts = new Map<string, CallAccount>();
  readonly #shared: SharedCalls;
  /** Calls that other servers of mcpctl have let in, as far as it is known: of the last minute, and of a day. */
  #others = { day: "", inMinute: new Map<string, CallTotal>(), inDay: new Map<string, CallTotal>() };

  /** @param elapsed the monotonic clock, in milliseconds */
  constructor(catalogue: Catalogue, now: () => number, elapsed: () => number) {
    this.#catalogue = catalogue;
    this.#now = now;
    this.#elapsed = elapsed;
    this.#shared = new SharedCalls(catalogue, now);
  }

  /** Counts the calls of today and of the last minute in the audit log, so that a restart gives no second allowance. */
  async load(): Promise<void> {
    if (hasLimit(this.#catalogue.snapshot, "mcpCallsPerDay")) {
      const { day } = await this.#shared.count();
      const today = dayOf(this.#now());
      for (const [id, count] of day) {
        const { days } = this.#account(id);
        days.set(today, Math.max(count.count, days.get(today) ?? 0));
      }
    }
    // Only what the accounts do not have yet counts as that of others.
    await this.learn();
  }

  /**
   * Learns of the calls that other servers of mcpctl on the database have let in. Called every second, so that a limit is
   * exceeded at most by the calls in flight and those of a second.
   */
  async learn(): Promise<void> {
    const { snapshot } = this.#catalogue;
    if (!hasLimit(snapshot, "mcpCallsPerMinute") && !hasLimit(snapshot, "mcpCallsPerDay")) return;
    const elapsed = this.#elapsed();
    const today = dayOf(this.#now());
    const own = new Map(
      [...this.#accounts].map(([id, { minute, days }]) => [
        id,
        { minute: minute.sum(elapsed), day: days.get(today) ?? 0 },
      ]),
    );
    const { minute, day } = await this.#shared.count();
    const beyond = (counts: CallTotals[typeof period], period: "minute" | "day") =>
      new Map(
        [...counts].map(([id, { count, last }]) => [
          id,
          { count: Math.max(0, count - (own.get(id)?.[period] ?? 0)), last },
        ]),
      );
    this.#others = { day: today, inMinute: beyond(minute, "minute"), inDay: beyond(day, "day") };
  }

  /** Forgets deleted users and tokens. */
  forgetDeleted(): void {
    const { byId } = this.#catalogue.snapshot;
    for (const id of this.#accounts.keys()) if (!byId.has(id)) this.#accounts.delete(id);
  }

  /**
   * Counts a call, or refuses it. It needs room in the limits of its token, of the tokens that made this one, of its user
   * and of every group of the user.
   *
   * @throws AppError `too_many_requests` with the limit and `retryAfter`; the call does not count then
   */
  admit(principal: Principal): void {
    const elapsed = this.#elapsed();
    const now = this.#now();
    const today = dayOf(now);
    for (const holder of this.#holdersOf(principal)) this.#check(holder, now, today, elapsed);
    const { userId, makers = [] } = principal;
    const tokenId = tokenIdOf(principal);
    for (const id of tokenId === null ? [userId] : [tokenId, ...makers, userId]) {
      const { minute, days } = this.#account(id);
      minute.add(1, elapsed);
      days.set(today, (days.get(today) ?? 0) + 1);
      if (days.size > mostDays) days.delete(days.keys().next().value!);
    }
  }

  #check({ row, limits, accounts: ids }: LimitHolder, now: number, today: string, elapsed: number): void {
    const { mcpCallsPerMinute, mcpCallsPerDay } = limits;
    if (mcpCallsPerMinute === undefined && mcpCallsPerDay === undefined) return;
    const { inMinute, inDay } = this.#reading(ids, today, elapsed);
    const accounts = this.#known(ids);
    const refuse = (
      limit: "mcpCallsPerMinute" | "mcpCallsPerDay",
      max: number,
      used: number,
      wait: number,
    ) => {
      throw limitRefusal(row, { limit, max, used, reserved: 0 }, 1, wait, now);
    };
    if (mcpCallsPerMinute !== undefined && inMinute >= mcpCallsPerMinute) {
      const waits = accounts.map(({ minute }) => minute.timeUntil(minute.sum(elapsed) - 1, elapsed));
      const wait = Math.max(this.#waitForOthers(ids, now), ...waits);
      refuse("mcpCallsPerMinute", mcpCallsPerMinute, inMinute, wait);
    }
    if (mcpCallsPerDay !== undefined && inDay >= mcpCallsPerDay)
      refuse("mcpCallsPerDay", mcpCallsPerDay, inDay, timeToEndOf(now, "day"));
  }

  /** Returns the limits of a holder on MCP calls with the calls that count against them. */
  standing({ limits: { mcpCallsPerMinute, mcpCallsPerDay }, accounts: ids }: LimitHolder): LimitState[] {
    const now = this.#now();
    const elapsed = this.#elapsed();
    const { inMinute, inDay } = this.#reading(ids, dayOf(now), elapsed);
    const waits = this.#known(ids).map(({ minute }) => minute.timeUntil(0, elapsed));
    const states: LimitState[] = [];
    const add = (limit: LimitState["limit"], max: number | undefined, used: number, rest: number) => {
      if (max !== undefined) states.push({ limit, max, used, reserved: 0, resetsAt: now + rest });
    };
    const rest = Math.max(this.#waitForOthers(ids, now), ...waits);
    add("mcpCallsPerMinute", mcpCallsPerMinute, inMinute, rest);
    add("mcpCallsPerDay", mcpCallsPerDay, inDay, timeToEndOf(now, "day"));
    return states;
  }

  #reading(ids: readonly string[], today: string, elapsed: number): { inMinute: number; inDay: number } {
    const accounts = this.#known(ids);
    const { day, inMinute, inDay } = this.#others;
    const ofOthers = (counts: ReadonlyMap<string, CallTotal>) =>
      ids.reduce((sum, id) => sum + (counts.get(id)?.count ?? 0), 0);
    return {
      inMinute: accounts.reduce((sum, { minute }) => sum + minute.sum(elapsed), ofOthers(inMinute)),
      inDay: accounts.reduce(
        (sum, { days }) => sum + (days.get(today) ?? 0),
        day === today ? ofOthers(inDay) : 0,
      ),
    };
  }

  /**
   * Returns the milliseconds until none of the calls is in the last minute that others have let in, or this server before
   * its last start. Their times are not known one by one.
   */
  #waitForOthers(ids: readonly string[], now: number): number {
    const totals = ids.flatMap((id) => this.#others.inMinute.get(id) ?? []);
    const ends = totals.filter(({ count }) => count > 0).map(({ last }) => last + minuteMilliseconds - now);
    return Math.max(0, ...ends);
  }

  #known(ids: readonly string[]): CallAccount[] {
    return ids.flatMap((id) => this.#accounts.get(id) ?? []);
  }

  #holdersOf(principal: Principal): readonly LimitHolder[] {
    const { snapshot } = this.#catalogue;
    const known = knownHolders(snapshot);
    const holders = known.get(principal.id) ?? holdersOf(snapshot, principal);
    known.set(principal.id, holders);
    return holders;
  }

  #account(id: string): CallAccount {
    const account = this.#accounts.get(id) ?? { minute: new MinuteMeter(), days: new Map() };
    this.#accounts.set(id, account);
    return account;
  }
}

/** True if a token, user or group has a limit of a kind. */
function hasLimit(snapshot: Snapshot, name: "mcpCallsPerMinute" | "mcpCallsPerDay"): boolean {
  return (["token", "user", "group"] as const).some((kind) =>
    snapshot.table(kind).sorted.some(({ spec }) => spec.limits?.[name] !== undefined),
  );
}
