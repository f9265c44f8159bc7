import { MinuteMeter } from "./meter.ts";

/** Tokens, and millionths of a dollar. */
export interface Amount {
  tokens: number;
  costMicros: number;
}

/** What one user, or one token, has used. */
export class Account {
  readonly requests = new MinuteMeter();
  readonly tokens = new MinuteMeter();
  /** Reserved by calls that are under way. */
  readonly reserved: Amount = { tokens: 0, costMicros: 0 };
  readonly #day: Amount = { tokens: 0, costMicros: 0 };
  readonly #month: Amount = { tokens: 0, costMicros: 0 };
  #today = "";

  /** What is on record of a day and its month: after a start, and what other servers have added. */
  take(today: string, day: Amount, month: Amount): void {
    this.#today = today;
    Object.assign(this.#day, day);
    Object.assign(this.#month, month);
  }

  add({ tokens, costMicros }: Amount, today: string, elapsed: number): void {
    this.#turn(today);
    this.tokens.add(tokens, elapsed);
    for (const period of [this.#day, this.#month]) {
      period.tokens += tokens;
      period.costMicros += costMicros;
    }
  }

  day(today: string): Readonly<Amount> {
    this.#turn(today);
    return this.#day;
  }

  month(today: string): Readonly<Amount> {
    this.#turn(today);
    return this.#month;
  }

  #turn(today: string): void {
    if (today === this.#today) return;
    Object.assign(this.#day, { tokens: 0, costMicros: 0 });
    if (today.slice(0, 7) !== this.#today.slice(0, 7))
      Object.assign(this.#month, { tokens: 0, costMicros: 0 });
    this.#today = today;
  }
}
