/** The number of time slots, one for each second. */
const slots = 60;
const second = 1000;

/** The use of the last 60 seconds. It is exact to a second and never too low. */
export class MinuteMeter {
  readonly #amounts = new Float64Array(slots + 1);
  /** The second of the newest slot. */
  #newest = -1;
  #sum = 0;

  add(amount: number, elapsed: number): void {
    this.#advance(elapsed);
    this.#amounts[this.#newest % (slots + 1)]! += amount;
    this.#sum += amount;
  }

  sum(elapsed: number): number {
    this.#advance(elapsed);
    return this.#sum;
  }

  /** Milliseconds until at most `amount` of the present use is left in the last 60 seconds. */
  timeUntil(amount: number, elapsed: number): number {
    this.#advance(elapsed);
    let left = this.#sum;
    for (let at = this.#newest - slots; at <= this.#newest && left > amount; at++) {
      if (at >= 0) left -= this.#amounts[at % (slots + 1)]!;
      if (left <= amount) return Math.max(0, (at + slots + 1) * second - elapsed);
    }
    return 0;
  }

  #advance(elapsed: number): void {
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
