/** How many seconds of a minute's calls are told apart. */
const slots = 60;
const second = 1000;

/** What was used in the last 60 seconds, by the second: never less than it truly is. */
export class MinuteMeter {
  readonly #amounts = new Float64Array(slots + 1);
  /** The second that the newest slot stands for. */
  #newest = -1;
  #sum = 0;

  add(amount: number, elapsed: number): void {
    this.#forward(elapsed);
    this.#amounts[this.#newest % (slots + 1)]! += amount;
    this.#sum += amount;
  }

  sum(elapsed: number): number {
    this.#forward(elapsed);
    return this.#sum;
  }

  /** Milliseconds until so much will have been forgotten that at most `amount` is left. */
  timeUntil(amount: number, elapsed: number): number {
    this.#forward(elapsed);
    let left = this.#sum;
    for (let at = this.#newest - slots; at <= this.#newest && left > amount; at++) {
      if (at >= 0) left -= this.#amounts[at % (slots + 1)]!;
      if (left <= amount) return Math.max(0, (at + slots + 1) * second - elapsed);
    }
    return 0;
  }

  #forward(elapsed: number): void {
    const now = Math.floor(elapsed / second);
    if (now - this.#newest > slots) {
      this.#amounts.fill(0);
      this.#sum = 0;
      this.#newest = now;
      return;
    }
    while (this.#newest < now) {
      const slot = ++this.#newest % (slots + 1);
      this.#sum -= this.#amounts[slot]!;
      this.#amounts[slot] = 0;
    }
  }
}
