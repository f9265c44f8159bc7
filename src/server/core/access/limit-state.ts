import { AppError } from "../../../errors.ts";
import type { Limits } from "../../../kinds/limits.ts";
import type { Row } from "../store/types.ts";

type Unit = "requests" | "tokens" | "MCP calls" | "dollars";
type Period = "minute" | "day" | "month";

/** One limit of a user, group or token, with the use that counts against it. Amounts are in the unit of the limit. */
export interface LimitState {
  limit: keyof Limits;
  max: number;
  used: number;
  /** The estimates of calls under way. */
  reserved: number;
  /** Milliseconds since 1970: the next day or month, or the time at which the use of the last minute is over. */
  resetsAt: number;
}

/** The unit and the period of each limit. */
export const limitMeanings = {
  requestsPerMinute: ["requests", "minute"],
  tokensPerMinute: ["tokens", "minute"],
  tokensPerDay: ["tokens", "day"],
  tokensPerMonth: ["tokens", "month"],
  costPerDay: ["dollars", "day"],
  costPerMonth: ["dollars", "month"],
  mcpCallsPerMinute: ["MCP calls", "minute"],
  mcpCallsPerDay: ["MCP calls", "day"],
} as const satisfies Record<keyof Limits, readonly [Unit, Period]>;

const periodWords: Record<Period, string> = { minute: "a minute", day: "today", month: "this month" };

/**
 * Returns the error for a call for which a limit has no room: with what is used, what the call asks for, and when there is
 * room again.
 *
 * @param asked the amount that the call asks for
 * @param wait milliseconds until there is room
 * @param now milliseconds since 1970
 */
export function limitRefusal(
  { kind, name }: Pick<Row, "kind" | "name">,
  { limit, max, used, reserved }: Omit<LimitState, "resetsAt">,
  asked: number,
  wait: number,
  now: number,
): AppError {
  const [unit, period] = limitMeanings[limit];
  const held = reserved > 0 ? `, calls under way hold ${amountText(reserved, unit)}` : "";
  const wanted =
    unit === "requests" || unit === "MCP calls" ? "" : ` and this call asks for ${amountText(asked, unit)}`;
  const again =
    period === "minute"
      ? `there is room in ${Math.max(1, Math.ceil(wait / 1000))} s`
      : `the limit resets at ${new Date(now + wait).toISOString().replace(/\.\d+Z$/, "Z")}`;
  const has = `has used ${amountText(used, unit)} of its ${amountText(max, unit)}`;
  const noun = unit === "dollars" ? "" : ` ${unit}`;
  const message = `${kind} "${name}" ${has}${noun} of ${periodWords[period]}${held}${wanted && `${held ? "," : ""}${wanted}`}; ${again}`;
  return new AppError("too_many_requests", message, { retryAfter: Math.max(1, wait / 1000) });
}

/** Milliseconds until the next day or month begins, in UTC. */
export function timeToEndOf(now: number, period: "day" | "month"): number {
  const date = new Date(now);
  const [year, month, day] = [date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate()];
  return (period === "day" ? Date.UTC(year, month, day + 1) : Date.UTC(year, month + 1, 1)) - now;
}

function amountText(amount: number, unit: Unit): string {
  if (unit !== "dollars") return Math.round(amount).toLocaleString("en-US");
  const digits = amount !== 0 && amount < 0.01 ? 6 : 4;
  return `$${amount.toFixed(digits).replace(/(\.\d\d\d*?)0+$/, "$1")}`;
}
