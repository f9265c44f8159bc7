/** Names and values that tell the lines of one metric apart. */
export type Labels = Readonly<Record<string, string | number>>;

/** Reads a number, or one number for each of some labels. Called when metrics are requested, and only then. */
export type GaugeReader = () => number | Iterable<readonly [Labels, number]>;

/** The registry of gauges. */
export interface Gauges {
  /**
   * Registers a gauge in place of the one of the same name, if any.
   *
   * @param type `counter` for a number that only grows; `longest` for one of which the largest of all threads counts, and
   *   not their sum
   */
  gauge(name: string, help: string, read: GaugeReader, type?: "counter" | "longest"): void;
}
