import type { Leg, Revision } from "./suite.ts";

/** A required scenario, or one check of it, that fails, with the reason. */
export interface ExpectedFailure {
  revision: Revision;
  leg: Leg;
  scenario: string;
  /** The check that may fail; all of them if left out. */
  check?: string;
  reason: string;
}

/** The required scenarios that fail: none. Whatever fails, and each of these that passes, ends the run with 1. */
export const baseline: readonly ExpectedFailure[] = [];
