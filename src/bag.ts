/**
 * Objects that come and go, in the order in which they came: few at a time, or those that go soon came late. A `Set` or
 * `Map` would do. But the table of one that has become full points to the next table, so that once it is old, everything
 * that was ever in the tables behind it stays in memory up to the next full collection. With requests and all that
 * belongs to them, the collections took a multiple of the time.
 */
export class Bag<T> {
  readonly #items: T[] = [];

  get size(): number {
    return this.#items.length;
  }

  add(item: T): void {
    this.#items.push(item);
  }

  /** Takes an object out. Returns false if it is not there. */
  delete(item: T): boolean {
    return this.#removeAt(this.#items.lastIndexOf(item));
  }

  /** Takes the latest object out that a condition holds for. Returns false if there is none. */
  deleteWhere(holds: (item: T) => boolean): boolean {
    return this.#removeAt(this.#items.findLastIndex(holds));
  }

  /** Returns the latest object that a condition holds for. */
  find(holds: (item: T) => boolean): T | undefined {
    return this.#items.findLast(holds);
  }

  /** Gives the objects that are there now: it does not matter what comes and goes meanwhile. */
  [Symbol.iterator](): ArrayIterator<T> {
    return [...this.#items].values();
  }

  #removeAt(at: number): boolean {
    if (at < 0) return false;
    this.#items.copyWithin(at, at + 1);
    this.#items.pop();
    return true;
  }
}
