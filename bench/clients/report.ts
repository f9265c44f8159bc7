import type { Client } from "./client.ts";
import type { ScenarioName } from "./model.ts";
import type { ProviderName } from "./provider.ts";

interface Result {
  provider: ProviderName;
  scenario: ScenarioName;
  failure: string | undefined;
}

/** The results of one client. */
export interface Row {
  client: Client;
  results: Result[];
  /** The reason for which it could not be installed. */
  missing?: string;
}

/** Returns a table with a line for each client, and the reasons of what failed. */
export function markdown(rows: readonly Row[], columns: readonly ProviderName[]): string {
  const lines = rows.map(({ client, results, missing }) => {
    const cells = columns.map((column) => {
      if (missing !== undefined) return "not installed";
      const here = results.filter(({ provider }) => provider === column);
      const failed = here.filter(({ failure }) => failure !== undefined);
      const names = (of: readonly Result[]) => of.map(({ scenario }) => scenario).join(", ");
      return failed.length === 0
        ? `all ${here.length}`
        : `${here.length - failed.length} of ${here.length}; not ${names(failed)}`;
    });
    return `| ${[client.name, versionOf(client), client.dialect, client.scenarios.join(", "), ...cells].join(" | ")} |`;
  });
  const failures = rows.flatMap(({ client, results, missing }) => [
    ...(missing === undefined ? [] : [`- ${client.name}: ${missing}`]),
    ...results.flatMap(({ provider, scenario, failure }) =>
      failure === undefined
        ? []
        : [`- ${client.name} (${client.dialect}), ${provider}, ${scenario}: ${failure}`],
    ),
  ]);
  return [
    `| client | version | API | scenarios | ${columns.join(" | ")} |`,
    `|---|---|---|---|${columns.map(() => "---|").join("")}`,
    ...lines,
    "",
    ...failures,
  ].join("\n");
}

/** The version of the first package of a client. */
function versionOf({ install }: Client): string {
  const [first = ""] = "npm" in install ? install.npm : install.pip;
  return first.slice(first.lastIndexOf("npm" in install ? "@" : "=") + 1);
}
