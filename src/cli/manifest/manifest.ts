import type { Kind } from "../../kinds/define.ts";

/** An object somebody wants to exist. */
export interface Manifest {
  kind: Kind;
  name: string;
  /** Its fields as they were given: no defaults filled in, and null clears. Nothing that only the server sets. */
  fields: Record<string, unknown>;
  /** Where it stands: `agents.yaml:7`. */
  source: string;
}
