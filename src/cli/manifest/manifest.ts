import type { Kind } from "../../kinds/define.ts";

/** An object as a manifest describes it. */
export interface Manifest {
  kind: Kind;
  name: string;
  /** The fields as they were given, without defaults. Null clears one. Fields that only the server sets are left out. */
  fields: Record<string, unknown>;
  /** Its file and line: `agents.yaml:7`. */
  source: string;
}
