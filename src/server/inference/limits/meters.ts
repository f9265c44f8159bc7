import type { limitMeanings } from "../../core/access/limit-state.ts";
import type { Account, Amount } from "./account.ts";

/** The reading of one limit of calls of models, in the unit of the limit. */
export interface Meter {
  limit: Exclude<keyof typeof limitMeanings, "mcpCallsPerMinute" | "mcpCallsPerDay">;
  period: "minute" | "day" | "month";
  isCost: boolean;
  used(account: Account, today: string, elapsed: number): number;
  reserved(account: Account): number;
  asked(wanted: Amount): number;
  /** Milliseconds until at most an amount of the use of the last minute is left; only of limits of a minute. */
  timeUntil?(account: Account, amount: number, elapsed: number): number;
}

const dollars = (micros: number) => micros / 1e6;
const tokens = {
  asked: (wanted: Amount) => wanted.tokens,
  reserved: (account: Account) => account.reserved.tokens,
};
const cost = {
  asked: (wanted: Amount) => dollars(wanted.costMicros),
  reserved: (account: Account) => dollars(account.reserved.costMicros),
};

/** The limits of calls of models, in the order in which they are checked. */
export const meters: readonly Meter[] = [
  {
    limit: "requestsPerMinute",
    period: "minute",
    isCost: false,
    used: ({ requests }, _, elapsed) => requests.sum(elapsed),
    reserved: () => 0,
    asked: () => 1,
    timeUntil: ({ requests }, amount, elapsed) => requests.timeUntil(amount, elapsed),
  },
  {
    limit: "tokensPerMinute",
    period: "minute",
    isCost: false,
    ...tokens,
    used: (account, _, elapsed) => account.tokens.sum(elapsed),
    timeUntil: (account, amount, elapsed) => account.tokens.timeUntil(amount, elapsed),
  },
  {
    limit: "tokensPerDay",
    period: "day",
    isCost: false,
    ...tokens,
    used: (account, today) => account.day(today).tokens,
  },
  {
    limit: "tokensPerMonth",
    period: "month",
    isCost: false,
    ...tokens,
    used: (account, today) => account.month(today).tokens,
  },
  {
    limit: "costPerDay",
    period: "day",
    isCost: true,
    ...cost,
    used: (account, today) => dollars(account.day(today).costMicros),
  },
  {
    limit: "costPerMonth",
    period: "month",
    isCost: true,
    ...cost,
    used: (account, today) => dollars(account.month(today).costMicros),
  },
];
