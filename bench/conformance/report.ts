import type { ExpectedFailure } from "./baseline.ts";
import type { Leg, Revision, ScenarioResult } from "./suite.ts";

/** The results of one leg in one revision, beside what the baseline says about them. */
export interface Outcome {
  revision: Revision;
  leg: Leg;
  results: readonly ScenarioResult[];
  /** Failures of required scenarios that the baseline does not have. */
  unexpected: string[];
  /** Entries of the baseline for what passes, or for what the suite does not have. */
  stale: string[];
  /** Entries of the baseline that failed as they say. */
  expected: ExpectedFailure[];
  isExpected: boolean;
}

/** Compares results with the baseline. Only required scenarios count. */
export function judge(
  revision: Revision,
  leg: Leg,
  results: readonly ScenarioResult[],
  baseline: readonly ExpectedFailure[],
): Outcome {
  const entries = baseline.filter((entry) => entry.revision === revision && entry.leg === leg);
  const covers = (entry: ExpectedFailure, scenario: string, check: string) =>
    entry.scenario === scenario && (entry.check ?? check) === check;
  const failures = results
    .filter(({ isRequired }) => isRequired)
    .flatMap(({ scenario, failures: of }) => of.map((one) => ({ scenario, ...one })));
  const unexpected = failures
    .filter(({ scenario, check }) => !entries.some((entry) => covers(entry, scenario, check)))
    .map(({ scenario, check, reason }) => `${scenario}, ${check}: ${reason}`);
  const isFailing = (entry: ExpectedFailure) =>
    failures.some(({ scenario, check }) => covers(entry, scenario, check));
  const stale = entries
    .filter((entry) => !isFailing(entry))
    .map(({ scenario, check }) => (check === undefined ? scenario : `${scenario}, ${check}`));
  const isExpected = unexpected.length + stale.length === 0;
  return { revision, leg, results, unexpected, stale, expected: entries.filter(isFailing), isExpected };
}

/** Returns a table with a line for each leg and revision, and below it what failed. */
export function markdown(outcomes: readonly Outcome[]): string {
  const passed = (of: readonly ScenarioResult[]) => {
    const good = of.filter(({ failures }) => failures.length === 0).length;
    return `${good} of ${of.length}`;
  };
  const lines = outcomes.map(({ revision, leg, results, expected, unexpected, stale }) => {
    const required = results.filter(({ isRequired }) => isRequired);
    const more = results.filter(({ isRequired }) => !isRequired);
    const baselined = new Set(expected.map(({ scenario }) => scenario)).size;
    const cells = [revision, leg, passed(required), baselined, unexpected.length, stale.length, passed(more)];
    return `| ${cells.join(" | ")} |`;
  });
  const lists = outcomes.flatMap(({ revision, leg, results, expected, unexpected, stale }) => {
    const title = `${revision}, ${leg} leg`;
    return [
      ...unexpected.map((text) => `- ${title}, unexpected failure: ${text}`),
      ...stale.map((text) => `- ${title}, passes and stands in the baseline: ${text}`),
      ...[...Map.groupBy(expected, ({ reason }) => reason)].map(
        ([reason, of]) => `- ${title}, expected: ${of.map(({ scenario }) => scenario).join(", ")}: ${reason}`,
      ),
      ...results
        .filter(({ isRequired, failures }) => !isRequired && failures.length > 0)
        .map(({ scenario, failures }) => `- ${title}, not required: ${scenario}: ${failures[0]!.reason}`),
    ];
  });
  return [
    "| revision | leg | required that pass | in the baseline | unexpected failures | unexpected passes | others that pass |",
    "|---|---|---|---|---|---|---|",
    ...lines,
    "",
    ...lists,
  ].join("\n");
}
