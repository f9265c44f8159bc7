import type { ProxyFault } from "./remedies.ts";

/** `skip`: not checked; the detail says why. */
export type CheckVerdict = "ok" | "warn" | "fail" | "skip";

/** The result of one check. */
export interface Check {
  name: string;
  verdict: CheckVerdict;
  /** The result in a few words, with the main figure. */
  detail: string;
  /** All figures, for programs. Times are in milliseconds. */
  figures?: Readonly<Record<string, number | string | boolean | null | readonly number[]>>;
  /** The problem, if settings of the proxy can fix it. */
  fault?: ProxyFault;
}

/** The median; of an even number of values the lower middle one. NaN if there are none. */
export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor((values.length - 1) / 2)] ?? Number.NaN;
}

/** Milliseconds as `0.4 ms`, `41 ms` or `2.5 s`. */
export function span(milliseconds: number): string {
  if (milliseconds < 0.1) return "under 0.1 ms";
  if (milliseconds < 10) return `${milliseconds.toFixed(1)} ms`;
  if (milliseconds < 1000) return `${Math.round(milliseconds)} ms`;
  return `${Number((milliseconds / 1000).toFixed(1))} s`;
}

/** Rounds to a tenth. */
export function tenth(milliseconds: number): number {
  return Math.round(milliseconds * 10) / 10;
}
