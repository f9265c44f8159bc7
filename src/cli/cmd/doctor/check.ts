import type { Fault } from "./remedies.ts";

/** `skip` was not looked at, and says why. */
export type Verdict = "ok" | "warn" | "fail" | "skip";

/** What one look has found. */
export interface Check {
  name: string;
  verdict: Verdict;
  /** With the figure, in a few words. */
  detail: string;
  /** The figures alone, for programs. Times are in milliseconds. */
  figures?: Readonly<Record<string, number | string | boolean | null | readonly number[]>>;
  /** What can be mended at the proxy. */
  fault?: Fault;
}

/** The middle one; of an even number the lower of the two. NaN of none. */
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

/** A figure that is worth its digits: to a tenth. */
export function tenth(milliseconds: number): number {
  return Math.round(milliseconds * 10) / 10;
}
