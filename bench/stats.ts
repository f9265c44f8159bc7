/** The middle value; of an even number of values the mean of the two in the middle. NaN of none. NaN counts as the largest. */
export function median(values: readonly number[]): number {
  const sorted = Float64Array.from(values).sort();
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/**
 * Compares samples of memory over the time, the middle of each third. The first `warmUp` of them do not count, if twice as
 * many follow: until a program has done each thing often, it takes more for its code.
 */
export function thirdsOf(samples: readonly number[], warmUp: number): { first: number; last: number } {
  const counted = samples.length >= 3 * warmUp ? samples.slice(warmUp) : samples;
  const third = Math.ceil(counted.length / 3);
  return { first: median(counted.slice(0, third)), last: median(counted.slice(-third)) };
}

/** Latencies as people quote them, in milliseconds. */
export interface Latency {
  p50: number;
  p99: number;
  p999: number;
  max: number;
}

/** Keeps every sample: exact percentiles, and a store to memory is all that one costs while the load runs. */
export class Samples {
  readonly #values: Float64Array;
  #count = 0;

  /** @param capacity samples beyond it are not kept; memory that is never touched costs nothing. */
  constructor(capacity = 4_000_000) {
    this.#values = new Float64Array(capacity);
  }

  add(value: number): void {
    if (this.#count < this.#values.length) this.#values[this.#count++] = value;
  }

  get count(): number {
    return this.#count;
  }

  /** Nearest-rank percentiles. NaN when there are no samples. */
  latency(): Latency {
    const sorted = this.#values.subarray(0, this.#count).sort();
    const at = (share: number) => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
    return { p50: at(0.5), p99: at(0.99), p999: at(0.999), max: at(1) };
  }
}
