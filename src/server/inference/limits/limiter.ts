import { AppError } from "../../../errors.ts";
import type { Limits } from "../../../kinds/limits.ts";
import { token } from "../../../kinds/token.ts";
import { user } from "../../../kinds/user.ts";
import type { Usage } from "../../../wire/dialects/usage.ts";
import type { Principal } from "../../core/access/policy.ts";
import type { Catalogue } from "../../core/catalogue/catalogue.ts";
import type { Snapshot } from "../../core/store/snapshot.ts";
import { type LlmRow, specOf } from "../../core/store/typed-rows.ts";
import type { Row } from "../../core/store/types.ts";
import { dayOf } from "../../core/store/usage.ts";
import { Account, type Amount } from "./account.ts";
import { costOf, priceOf } from "./prices.ts";

/** A limit's holder, and whose use counts against it. */
interface Bound {
  row: Row;
  limits: Limits;
  /** Ids of users, or of the one token. */
  accounts: readonly string[];
}

/** What a call has been let through for. */
export interface Admission {
  /** Puts the real usage in the place of what was reserved, once. */
  settle(llm: LlmRow | undefined, usage: Usage): void;
}

/** Of an answer, so much is reserved at most: what is asked for is seldom used up. */
const mostReserved = 1024;
/** About so many characters of a request are a token. */
const charactersPerToken = 4;

const unbound: readonly Bound[] = [];

/**
 * Keeps calls within the limits of tokens, users and groups. A call is let through when what was used and what calls
 * under way have reserved leave room for it; so a limit is never passed by more than those calls come to.
 */
export class Limiter {
  readonly #catalogue: Catalogue;
  readonly #now: () => number;
  readonly #elapsed: () => number;
  readonly #accounts = new Map<string, Account>();
  readonly #bounds = new WeakMap<Snapshot, Map<string, readonly Bound[]>>();

  /** @param elapsed a clock that nobody sets, in milliseconds (T91) */
  constructor(catalogue: Catalogue, now: () => number, elapsed: () => number) {
    this.#catalogue = catalogue;
    this.#now = now;
    this.#elapsed = elapsed;
  }

  /** Takes in what is on record of this month: at the start, and where other servers add to it, now and then. */
  async load(): Promise<void> {
    const today = dayOf(this.#now());
    const since = `${today.slice(0, 7)}-01`;
    const totals = new Map<string, { day: Amount; month: Amount }>();
    const rows = await this.#catalogue.store.usage({ since, until: `${today.slice(0, 7)}-31` });
    for (const { day, userId, tokenId, promptTokens, completionTokens, costMicros } of rows) {
      for (const id of tokenId ? [userId, tokenId] : [userId]) {
        let total = totals.get(id);
        if (!total) {
          total = { day: { tokens: 0, costMicros: 0 }, month: { tokens: 0, costMicros: 0 } };
          totals.set(id, total);
        }
        for (const period of day === today ? [total.day, total.month] : [total.month]) {
          period.tokens += promptTokens + completionTokens;
          period.costMicros += costMicros;
        }
      }
    }
    for (const [id, { day, month }] of totals) this.#account(id).take(today, day, month);
  }

  /**
   * Lets a call through, or not.
   *
   * @param llms that may answer it: each must have a price where dollars are counted, and the dearest is reserved for
   * @param characters of the request
   * @param maxTokens as many as the caller wants at most, if it says
   * @throws AppError `too_many_requests` that says which limit, and when there is room again; `forbidden` when a limit
   *   in dollars stands and an llm has no price
   */
  admit(
    principal: Principal,
    llms: readonly LlmRow[],
    characters: number,
    maxTokens: number | undefined,
  ): Admission {
    const elapsed = this.#elapsed();
    const today = dayOf(this.#now());
    const output = Math.min(maxTokens ?? mostReserved, mostReserved);
    const estimate = {
      promptTokens: Math.ceil(characters / charactersPerToken),
      completionTokens: output,
      cachedTokens: 0,
    };
    const bounds = this.#boundsOf(principal);
    const wanted: Amount = {
      tokens: estimate.promptTokens + output,
      costMicros: bounds.length > 0 ? Math.max(...llms.map((llm) => costOf(llm, estimate) ?? 0)) : 0,
    };
    for (const bound of bounds) this.#check(bound, llms, wanted, today, elapsed);
    const own = this.#accountsOf(principal);
    for (const account of own) {
      account.requests.add(1, elapsed);
      account.reserved.tokens += wanted.tokens;
      account.reserved.costMicros += wanted.costMicros;
    }
    let settled = false;
    return {
      settle: (answered, usage) => {
        if (settled) return;
        settled = true;
        const used: Amount = {
          tokens: usage.promptTokens + usage.completionTokens,
          costMicros: (answered && costOf(answered, usage)) ?? 0,
        };
        const day = dayOf(this.#now());
        const at = this.#elapsed();
        for (const account of own) {
          account.reserved.tokens -= wanted.tokens;
          account.reserved.costMicros -= wanted.costMicros;
          account.add(used, day, at);
        }
      },
    };
  }

  #check(
    { row, limits, accounts: ids }: Bound,
    llms: readonly LlmRow[],
    wanted: Amount,
    today: string,
    elapsed: number,
  ): void {
    const accounts = ids.map((id) => this.#accounts.get(id)).filter((account) => account !== undefined);
    const sum = (of: (account: Account) => number) =>
      accounts.reduce((total, account) => total + of(account), 0);
    const refuse = (what: string, milliseconds: number): never => {
      throw new AppError("too_many_requests", `${row.kind} "${row.name}" has used its ${what}`, {
        retryAfter: Math.max(1, milliseconds / 1000),
      });
    };
    /** Whether there is no room. A call larger than a limit is let through when nothing else is: it is an estimate. */
    const full = (used: number, wanted: number, limit: number | undefined) =>
      limit !== undefined && used + Math.min(wanted, limit) > limit;
    const { requestsPerMinute, tokensPerMinute, tokensPerDay, tokensPerMonth, costPerDay, costPerMonth } =
      limits;
    if (
      full(
        sum(({ requests }) => requests.sum(elapsed)),
        1,
        requestsPerMinute,
      )
    ) {
      const wait = longest(accounts, ({ requests }) =>
        requests.timeUntil(requests.sum(elapsed) - 1, elapsed),
      );
      refuse(`${requestsPerMinute} requests of a minute`, wait);
    }
    const tokens = (used: number) => used + sum((account) => account.reserved.tokens);
    if (full(tokens(sum(({ tokens }) => tokens.sum(elapsed))), wanted.tokens, tokensPerMinute)) {
      const room = Math.max(0, tokensPerMinute! - wanted.tokens);
      const wait = longest(accounts, ({ tokens }) => tokens.timeUntil(room, elapsed));
      refuse(`${tokensPerMinute} tokens of a minute`, wait);
    }
    if (full(tokens(sum((account) => account.day(today).tokens)), wanted.tokens, tokensPerDay))
      refuse(`${tokensPerDay} tokens of today`, endOf(this.#now(), "day"));
    if (full(tokens(sum((account) => account.month(today).tokens)), wanted.tokens, tokensPerMonth))
      refuse(`${tokensPerMonth} tokens of this month`, endOf(this.#now(), "month"));
    if (!costPerDay && !costPerMonth) return;
    const free = llms.find((llm) => !priceOf(llm));
    if (free) throw unpriced(row, free);
    const dollars = (used: number) => (used + sum((account) => account.reserved.costMicros)) / 1e6;
    const cost = wanted.costMicros / 1e6;
    if (full(dollars(sum((account) => account.day(today).costMicros)), cost, costPerDay))
      refuse(`$${costPerDay} of today`, endOf(this.#now(), "day"));
    if (full(dollars(sum((account) => account.month(today).costMicros)), cost, costPerMonth))
      refuse(`$${costPerMonth} of this month`, endOf(this.#now(), "month"));
  }

  /** The limits that a principal's calls count against, the narrowest first. */
  #boundsOf(principal: Principal): readonly Bound[] {
    const { snapshot } = this.#catalogue;
    let known = this.#bounds.get(snapshot);
    if (!known) {
      known = new Map();
      this.#bounds.set(snapshot, known);
    }
    let bounds = known.get(principal.id);
    if (!bounds) {
      bounds = boundsOf(snapshot, principal);
      known.set(principal.id, bounds);
    }
    return bounds;
  }

  #accountsOf({ kind, id, userId }: Principal): readonly Account[] {
    const user = this.#account(userId);
    return kind === "Token" ? [this.#account(id), user] : [user];
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

function boundsOf(snapshot: Snapshot, { kind, id, userId }: Principal): readonly Bound[] {
  const bounds: Bound[] = [];
  const add = (row: Row | undefined, limits: Limits | undefined, accounts: readonly string[]) => {
    if (row && limits) bounds.push({ row, limits, accounts });
  };
  if (kind === "Token") {
    const own = snapshot.byId.get(id);
    add(own, own && specOf(token, own).limits, [id]);
  }
  const maker = snapshot.byId.get(userId);
  add(maker, maker && specOf(user, maker).limits, [userId]);
  for (const group of snapshot.table("group").sorted) {
    const { limits, members } = group.spec;
    if (!limits || !maker || !members.includes(maker.name)) continue;
    const ids = members.map((name) => snapshot.named("user", name)?.id);
    add(
      group,
      limits,
      ids.filter((id) => id !== undefined),
    );
  }
  return bounds.length > 0 ? bounds : unbound;
}

function unpriced(holder: Row, llm: LlmRow): AppError {
  const what = `${holder.kind} "${holder.name}" has a limit in dollars, and llm "${llm.name}" has no price`;
  return new AppError("forbidden", what, {
    hint: "set its price: {input, output, cachedInput}, in dollars for a million tokens",
  });
}

function longest(accounts: readonly Account[], wait: (account: Account) => number): number {
  return accounts.reduce((most, account) => Math.max(most, wait(account)), 0);
}

/** Milliseconds until the next day or month begins, in UTC. */
function endOf(now: number, period: "day" | "month"): number {
  const date = new Date(now);
  const [year, month, day] = [date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate()];
  return (period === "day" ? Date.UTC(year, month, day + 1) : Date.UTC(year, month + 1, 1)) - now;
}
