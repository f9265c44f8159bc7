import type { KindInfo } from "../../kinds/define.ts";
import { decide, type Verb } from "../core/access/policy.ts";
import { principalAt } from "../core/access/principals.ts";
import type { Call } from "./route.ts";
import type { Server } from "./server.ts";

/** True if the caller of a stream, with the rights that it has now, may still do something with a row. */
export function isStillAllowed(
  { catalogue: { snapshot } }: Pick<Server, "catalogue">,
  { principal }: Call,
  verb: Verb,
  { plural }: Pick<KindInfo, "plural">,
  id: string,
): boolean {
  const row = snapshot.byId.get(id);
  return (
    row !== undefined && decide(principalAt(snapshot, principal), verb, plural, row.name, row) === "allow"
  );
}
