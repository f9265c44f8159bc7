import { age } from "./cells.ts";
import { numberText } from "./numbers.ts";

/** A limit of a user, group or token, and the use that counts against it. */
export interface LimitUse {
  kind: string;
  name: string;
  /** `tokensPerDay` */
  limit: string;
  used: number;
  /** Tokens or dollars that calls under way may still use. */
  reserved: number;
  max: number;
  /** RFC 3339. */
  resetsAt: string;
}

/** A limit that is used to this part is near its end. */
const nearEnd = 0.8;

/** The headers of `limitRow`. */
export const limitHeaders = ["KIND", "NAME", "LIMIT", "USED", "MAX", "RESETS"];

/** The cells of a limit. Amounts that calls under way hold count as used. */
export function limitRow(use: LimitUse, now: number): string[] {
  const { kind, name, limit, max } = use;
  return [kind, name, limit, amount(limit, usedOf(use)), amount(limit, max), resets(use, now)];
}

/** A limit in a line: `1,200 of 2,000,000 tokensPerDay, resets in 9h`. */
export function limitText(use: LimitUse, now: number): string {
  const { limit, max } = use;
  const reset = resets(use, now);
  const used = `${amount(limit, usedOf(use))} of ${amount(limit, max)} ${limit}`;
  return reset === "-" ? used : `${used}, resets ${reset}`;
}

/** True for a limit of a day or month that is nearly used up. Limits of a minute come and go. */
export function isNearEnd(use: LimitUse): boolean {
  return !/PerMinute$/.test(use.limit) && usedOf(use) >= use.max * nearEnd;
}

function usedOf({ used, reserved }: LimitUse): number {
  return used + reserved;
}

function resets({ used, reserved, limit, resetsAt }: LimitUse, now: number): string {
  const isUnused = used + reserved === 0 && /PerMinute$/.test(limit);
  return isUnused ? "-" : age(resetsAt, now);
}

function amount(limit: string, value: number): string {
  return limit.startsWith("cost") ? `$${value.toFixed(2)}` : numberText(value);
}
