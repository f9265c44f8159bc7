import type { BilledUnits } from "../../../adapters/passthrough/billed-units.ts";
import { AppError } from "../../../errors.ts";
import type { Usage } from "../../../wire/dialects/usage.ts";
import { eachInTurns } from "../../../wire/next-turn.ts";
import { type Accountable, knownHolders, type LimitHolder } from "../../core/access/limit-holders.ts";
import { type LimitState, limitRefusal, timeToEndOf } from "../../core/access/limit-state.ts";
import { accountableFor } from "../../core/access/token-makers.ts";
import type { Catalogue } from "../../core/catalogue/catalogue.ts";
import { costOf, pricingOf } from "../../core/prices.ts";
import type { LlmRow } from "../../core/store/typed-rows.ts";
import type { Row } from "../../core/store/types.ts";
import { dayMilliseconds, dayOf } from "../../core/store/usage.ts";
import { Account, type Amount, monthOf } from "./account.ts";
import { type Meter, meters } from "./meters.ts";

/** The reservation of an admitted call. */
export interface Admission {
  /** The amounts that are reserved. */
  readonly reserved: Readonly<Amount>;
  /** Replaces the reservation by the real usage, of the model that was called. A second call does nothing. */
  settle(llm: LlmRow | undefined, usage: Usage, model?: string): void;
  /** Does the same with an amount. */
  use(used: Readonly<Amount>): void;
}

/** The limits of calls, as calls use them. They may be kept elsewhere in this process. */
export interface CallLimits {
  /** As that of `Limiter`. Returns a promise where the answer has to be waited for. */
  admit(...call: Parameters<Limiter["admit"]>): Admission | Promise<Admission>;
  reserve: Limiter["reserve"];
}

const nothing: Readonly<Amount> = { tokens: 0, costMicros: 0 };

/** The most tokens that are reserved for a response, because few responses are as long as their limit. */
const maxReserved = 1024;

/**
 * Keeps calls within the limits of tokens, users and groups. A call is admitted if the use so far and the reservations
 * of calls in flight leave room for it. So a limit is exceeded at most by the calls in flight.
 */
export class Limiter {
  readonly #catalogue: Catalogue;
  readonly #now: () => number;
  readonly #elapsed: () => number;
  readonly #accounts = new Map<string, Account>();
  /** Months whose use was loaded. */
  readonly #loaded = new Set<string>();

  /** @param elapsed the monotonic clock, in milliseconds (T91) */
  constructor(catalogue: Catalogue, now: () => number, elapsed: () => number) {
    this.#catalogue = catalogue;
    this.#now = now;
    this.#elapsed = elapsed;
  }

  /**
   * Loads the use of this month from the store, and of yesterday's: at the start, and regularly if other servers add to
   * it.
   */
  async load(): Promise<void> {
    const now = this.#now();
    const month = monthOf(dayOf(now));
    const since = monthOf(dayOf(now - dayMilliseconds));
    const makers = accountableFor(this.#catalogue.snapshot);
    const totals = new Map<string, Map<string, Amount>>();
    const rows = await this.#catalogue.store.usage({ since: `${since}-01`, until: `${month}-31` });
    await eachInTurns(rows, ({ day, userId, tokenId, promptTokens, completionTokens, costMicros }) => {
      for (const id of tokenId ? [userId, tokenId, ...(makers.get(tokenId) ?? [])] : [userId]) {
        const periods = totals.get(id) ?? new Map<string, Amount>();
        totals.set(id, periods);
        for (const period of [day, monthOf(day)]) {
          const total = periods.get(period) ?? { tokens: 0, costMicros: 0 };
          total.tokens += promptTokens + completionTokens;
          total.costMicros += costMicros;
          periods.set(period, total);
        }
      }
    });
    const { byId } = this.#catalogue.snapshot;
    for (const [id, periods] of totals)
      for (const [period, total] of periods) if (byId.has(id)) this.#account(id).load(period, total);
    this.#loaded.add(since).add(month);
  }

  /** Forgets deleted tokens and users: no limit counts their use by their own id any more. */
  forgetDeleted(): void {
    const { byId } = this.#catalogue.snapshot;
    for (const id of this.#accounts.keys()) if (!byId.has(id)) this.#accounts.delete(id);
  }

  /** Loads the use of a month that was not loaded before: a month has begun, or the clock was set. */
  async loadNewMonth(): Promise<void> {
    if (!this.#loaded.has(monthOf(dayOf(this.#now())))) await this.load();
  }

  /**
   * Admits a call, or refuses it.
   *
   * @param llms the llms that can answer. The cost of the most expensive one is reserved
   * @param promptTokens the tokens of the request, by an estimate
   * @param maxTokens the most output tokens that the request allows, if it sets a limit
   * @param choices the number of answers that the request asks for
   * @param units other units that the request asks for, and a dearer service
   * @throws AppError `too_many_requests` with the limit and `retryAfter`; `forbidden` if there is a limit in dollars
   *   and an llm has no price
   */
  admit(
    principal: Accountable,
    llms: readonly LlmRow[],
    promptTokens: number,
    maxTokens: number | undefined,
    choices = 1,
    units?: BilledUnits & Pick<Usage, "tier">,
  ): Admission {
    const elapsed = this.#elapsed();
    const today = dayOf(this.#now());
    const completionTokens = Math.min(maxTokens ?? maxReserved, maxReserved) * choices;
    const holders = knownHolders(this.#catalogue.snapshot, principal);
    const wanted: Amount = { tokens: promptTokens + completionTokens, costMicros: 0 };
    if (holders.length > 0) {
      const estimate: Usage = { promptTokens, completionTokens, cachedTokens: 0, countedHere: true };
      if (units) Object.assign(estimate, units);
      for (const llm of llms) wanted.costMicros = Math.max(wanted.costMicros, costOf(llm, estimate) ?? 0);
    }
    for (const holder of holders) this.#check(holder, llms, wanted, today, elapsed);
    const accounts = this.#accountsOf(principal);
    for (const account of accounts) account.requests.add(1, elapsed);
    return this.#reserveIn(accounts, wanted);
  }

  /** Counts calls that no limit applied to. */
  count(principal: Accountable, calls: number, used: Readonly<Amount>): void {
    const elapsed = this.#elapsed();
    for (const account of this.#accountsOf(principal)) account.requests.add(calls, elapsed);
    this.reserve(principal, nothing).use(used);
  }

  /** Reserves an amount, whatever the limits are: for a call that is with its provider already. */
  reserve(principal: Accountable, wanted: Readonly<Amount>): Admission {
    return this.#reserveIn(this.#accountsOf(principal), wanted);
  }

  #reserveIn(accounts: readonly Account[], wanted: Readonly<Amount>): Admission {
    for (const account of accounts) account.reserve(wanted.tokens, wanted.costMicros);
    return new Reservation(accounts, wanted, this);
  }

  /** @internal Replaces a reservation by what was used. */
  replace(accounts: readonly Account[], reserved: Readonly<Amount>, used: Readonly<Amount>): void {
    const day = dayOf(this.#now());
    const at = this.#elapsed();
    for (const account of accounts) {
      account.reserve(-reserved.tokens, -reserved.costMicros);
      account.add(used, day, at);
    }
  }

  /** Returns the limits of a holder with the use that counts against them. */
  standing({ limits, accounts: ids }: LimitHolder): LimitState[] {
    const now = this.#now();
    const elapsed = this.#elapsed();
    const today = dayOf(now);
    const accounts = this.#known(ids);
    return meters.flatMap((meter): LimitState[] => {
      const max = limits[meter.limit];
      if (max === undefined) return [];
      const used = usedOf(meter, accounts, today, elapsed);
      const reserved = reservedOf(meter, accounts);
      const rest =
        meter.period === "minute"
          ? longest(accounts, (account) => meter.timeUntil!(account, 0, elapsed))
          : timeToEndOf(now, meter.period);
      return [{ limit: meter.limit, max, used, reserved, resetsAt: now + rest }];
    });
  }

  #known(ids: readonly string[]): Account[] {
    const known: Account[] = [];
    for (const id of ids) {
      const account = this.#accounts.get(id);
      if (account) known.push(account);
    }
    return known;
  }

  #check(
    { row, limits, accounts: ids }: LimitHolder,
    llms: readonly LlmRow[],
    wanted: Amount,
    today: string,
    elapsed: number,
  ): void {
    const accounts = this.#known(ids);
    for (const meter of meters) {
      const max = limits[meter.limit];
      if (max === undefined) continue;
      if (meter.isCost) for (const llm of llms) if (!pricingOf(llm)) throw unpriced(row, llm);
      const used = usedOf(meter, accounts, today, elapsed);
      const reserved = reservedOf(meter, accounts);
      const asked = meter.asked(wanted);
      // A call that is larger than a limit is admitted alone, because its size is an estimate.
      if (used + reserved + Math.min(asked, max) <= max) continue;
      const now = this.#now();
      const wait = timeUntilRoom(meter, accounts, asked, max, elapsed, now);
      throw limitRefusal(row, { limit: meter.limit, max, used, reserved }, asked, wait, now);
    }
  }

  /** A call with a token counts for the token, for the tokens that made it, and for the user. */
  #accountsOf({ kind, id, userId, makers }: Accountable): readonly Account[] {
    const accounts: Account[] = [];
    if (kind === "Token") {
      accounts.push(this.#account(id));
      if (makers) for (const maker of makers) accounts.push(this.#account(maker));
    }
    accounts.push(this.#account(userId));
    return accounts;
  }

  #account(id: string): Account {
    let account = this.#accounts.get(id);
    if (!account) {
      account = new Account();
      this.#accounts.set(id, account);
    }
    return account;
  }
}

/** A reservation that is replaced by the real usage once. */
class Reservation implements Admission {
  readonly reserved: Readonly<Amount>;
  readonly #accounts: readonly Account[];
  #limiter: Limiter | undefined;

  constructor(accounts: readonly Account[], reserved: Readonly<Amount>, limiter: Limiter) {
    this.reserved = reserved;
    this.#accounts = accounts;
    this.#limiter = limiter;
  }

  settle(answered: LlmRow | undefined, usage: Usage, model?: string): void {
    if (this.#limiter) this.use(amountOf(answered, usage, model));
  }

  use(used: Readonly<Amount>): void {
    this.#limiter?.replace(this.#accounts, this.reserved, used);
    this.#limiter = undefined;
  }
}

/** Returns the amount of a call's real usage, of the model that was called. */
export function amountOf(llm: LlmRow | undefined, usage: Usage, model?: string): Amount {
  return {
    tokens: usage.promptTokens + usage.completionTokens,
    costMicros: (llm && costOf(llm, usage, model)) ?? 0,
  };
}

function unpriced(holder: Row, llm: LlmRow): AppError {
  const what = `${holder.kind} "${holder.name}" has a limit in dollars, and llm "${llm.name}" has no price`;
  return new AppError("forbidden", what, {
    hint: "set its price: {input, output, cachedInput, cacheWrite}, in dollars for a million tokens",
  });
}

function longest(accounts: readonly Account[], wait: (account: Account) => number): number {
  return accounts.reduce((most, account) => Math.max(most, wait(account)), 0);
}

/** Returns the use of some accounts. */
function usedOf(meter: Meter, accounts: readonly Account[], today: string, elapsed: number): number {
  let used = 0;
  for (const account of accounts) used += meter.used(account, today, elapsed);
  return used;
}

/** Returns the estimates of calls under way of some accounts. */
function reservedOf(meter: Meter, accounts: readonly Account[]): number {
  let reserved = 0;
  for (const account of accounts) reserved += meter.reserved(account);
  return reserved;
}

/** Returns the milliseconds until a call that is refused now would have room. */
function timeUntilRoom(
  meter: Meter,
  accounts: readonly Account[],
  asked: number,
  max: number,
  elapsed: number,
  now: number,
): number {
  if (meter.period !== "minute") return timeToEndOf(now, meter.period);
  return longest(accounts, (account) =>
    meter.timeUntil!(account, roomFor(meter, account, asked, max, elapsed), elapsed),
  );
}

/** Returns the use of the last minute that may be left for a call to have room: one request less than now, or the tokens. */
function roomFor(meter: Meter, account: Account, asked: number, max: number, elapsed: number): number {
  return meter.limit === "requestsPerMinute"
    ? meter.used(account, "", elapsed) - 1
    : Math.max(0, max - asked);
}
