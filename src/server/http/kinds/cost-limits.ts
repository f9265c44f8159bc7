import type { Resource } from "../../../kinds/define.ts";
import type { Limits } from "../../../kinds/limits.ts";
import { llm } from "../../../kinds/llm.ts";
import { decideToShow, isShown } from "../../core/access/parts.ts";
import { pricingOf } from "../../core/prices.ts";
import type { Call } from "../route.ts";
import type { Server } from "../server.ts";
import type { KindRoutes } from "./define.ts";

/** The most llms that a warning names. */
const mostNamed = 5;

/** Warns whoever sets a limit in dollars that it refuses the calls of llms without a price. */
export const costLimitRoutes: KindRoutes = { created: warnOfUnpriced, updated: warnOfUnpriced };

async function warnOfUnpriced(server: Server, { principal }: Call, object: Resource): Promise<void> {
  const { costPerDay, costPerMonth } = (object["limits"] ?? {}) as Limits;
  if (costPerDay === undefined && costPerMonth === undefined) return;
  const { snapshot } = server.catalogue;
  const names = snapshot
    .table("llm")
    .sorted.filter((row) => !pricingOf(row))
    .filter((row) =>
      isShown(decideToShow(snapshot, principal, llm, { name: row.name, scope: undefined, row })),
    )
    .map(({ name }) => name);
  if (names.length === 0) return;
  const more = names.length > mostNamed ? ` and ${names.length - mostNamed} more` : "";
  const warning =
    `the limit in dollars refuses calls of llms without a price: ${names.slice(0, mostNamed).join(", ")}${more}; ` +
    "set their price, see mcpctl get prices";
  object["warnings"] = [warning];
}
