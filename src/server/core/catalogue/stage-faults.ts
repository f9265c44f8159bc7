import type { Fault } from "../../../errors.ts";
import { faultOfPattern } from "../../../wire/patterns/pattern-program.ts";

/** Returns the faults of stages that their fields cannot tell: patterns that cannot be used. */
export function faultsOfStages(stages: readonly unknown[]): Fault[] {
  return stages.flatMap((stage, i) => {
    const { patterns } = stage as { patterns?: unknown };
    if (!Array.isArray(patterns)) return [];
    return patterns.flatMap((pattern, j) => {
      const message = typeof pattern === "string" ? faultOfPattern(pattern) : undefined;
      return message === undefined
        ? []
        : [{ path: `/stages/${i}/patterns/${j}`, message: `is no pattern that can be used: ${message}` }];
    });
  });
}
