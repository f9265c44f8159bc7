import { MinuteMeter } from "./meter.ts";

/** Tokens, and millionths of a dollar. */
export interface Amount {
  tokens: number;
  costMicros: number;
}

/** The use of one user or one token. */
export class Account {
  readonly requests = new MinuteMeter();
  readonly tokens = new MinuteMeter();
  /** Reserved by calls in flight. */
  readonly reserved: Amount = { tokens: 0, costMicros: 0 };
  readonly #day: Amount = { tokens: 0, costMicros: 0 };
  readonly #month: Amount = { tokens: 0, costMicros: 0 };
  #today = "";

  /** Sets the use that is on record for a day and its month: after a start, or with that of other servers. */
  load(today: string, day: Amount, month: Amount): void {
    this.#today = today;
    Object.assign(this.#day, day);
    Object.assign(this.#month, month);
  }

  add({ tokens, costMicros }: Amount, today: string, elapsed: number): void {
    this.#startDay(today);
    this.tokens.add(tokens, elapsed);
    for (const period of [this.#day, this.#month]) {
      period.tokens += tokens;
      period.costMicros += costMicros;
    }
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
    Object.assign(this.#day, { tokens: 0, costMicros: 0 });
    if (today.slice(0, 7) !== this.#today.slice(0, 7))
      Object.assign(this.#month, { tokens: 0, costMicros: 0 });
    this.#today = today;
  }
}
