import { MinuteMeter } from "../../core/minute-meter.ts";

/** Tokens, and millionths of a dollar. */
export interface Amount {
  tokens: number;
  costMicros: number;
}

/** Days and months that an account remembers, at most. */
const mostPeriods = 100;

/**
 * The use of one user or one token. Each day and month keeps its amount, so that a clock that is set back and forward
 * again gives no second allowance (T91).
 */
export class Account {
  readonly requests = new MinuteMeter();
  readonly tokens = new MinuteMeter();
  /** Reserved by calls in flight. */
  readonly reserved: Amount = { tokens: 0, costMicros: 0 };
  /** The use by day (`2026-11-21`) and by month (`2026-11`). */
  readonly #periods = new Map<string, Amount>();
  #today = "";
  #day: Amount = { tokens: 0, costMicros: 0 };
  #month: Amount = { tokens: 0, costMicros: 0 };

  /**
   * Takes over the use of a day or month that is on record: after a start, or with that of other servers. What is not
   * on record yet stays counted.
   */
  load(period: string, { tokens, costMicros }: Amount): void {
    const amount = this.#of(period);
    amount.tokens = Math.max(amount.tokens, tokens);
    amount.costMicros = Math.max(amount.costMicros, costMicros);
  }

  /** Reserves an amount for a call; a negative one gives it back. */
  reserve(tokens: number, costMicros: number): void {
    this.reserved.tokens += tokens;
    this.reserved.costMicros += costMicros;
  }

  add({ tokens, costMicros }: Amount, today: string, elapsed: number): void {
    this.#startDay(today);
    this.tokens.add(tokens, elapsed);
    this.#day.tokens += tokens;
    this.#day.costMicros += costMicros;
    this.#month.tokens += tokens;
    this.#month.costMicros += costMicros;
  }

  day(today: string): Readonly<Amount> {
    this.#startDay(today);
    return this.#day;
  }

  month(today: string): Readonly<Amount> {
    this.#startDay(today);
    return this.#month;
  }

  #startDay(today: string): void {
    if (today === this.#today) return;
    this.#today = today;
    this.#day = this.#of(today);
    this.#month = this.#of(monthOf(today));
  }

  #of(period: string): Amount {
    let amount = this.#periods.get(period);
    if (!amount) {
      amount = { tokens: 0, costMicros: 0 };
      this.#periods.set(period, amount);
      if (this.#periods.size > mostPeriods) this.#periods.delete(this.#periods.keys().next().value!);
    }
    return amount;
  }
}

/** Returns the month of a day: `2026-11`. */
export function monthOf(day: string): string {
  return day.slice(0, 7);
}
