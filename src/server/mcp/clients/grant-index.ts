import { clientGrant } from "../../../kinds/client-grant.ts";
import { oncePerObject } from "../../core/once-per-object.ts";
import type { Snapshot } from "../../core/store/snapshot.ts";
import type { ClientGrantRow } from "../../core/store/typed-rows.ts";
import type { Row } from "../../core/store/types.ts";

/** Returns the grants by the hash of their code, and by that of what their refresh tokens have in common. */
export function grantIndex(snapshot: Snapshot) {
  return indexOf(snapshot.table(clientGrant.kind).sorted as readonly (ClientGrantRow & Row)[]);
}

const indexOf = oncePerObject((rows: readonly (ClientGrantRow & Row)[]) => {
  return {
    code: new Map(rows.map((row) => [row.status.codeHash, row])),
    family: new Map(
      rows.flatMap((row) =>
        row.status.familyHash === undefined ? [] : [[row.status.familyHash, row] as const],
      ),
    ),
  };
});
