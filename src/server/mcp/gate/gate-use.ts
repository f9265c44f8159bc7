import type { EndSignal } from "../../../end-signal.ts";
import type { Principal } from "../../core/access/policy.ts";
import type { ProjectRow } from "../../core/store/typed-rows.ts";

/** A request of a client to a project, as far as the gate looks at it. */
export interface GateUse {
  requestId: string;
  project: ProjectRow;
  caller: { principal: Principal; session: string };
  /** The session of a client of a legacy revision. */
  session?: GateSession;
  signal: EndSignal;
  /** True for callers that are not models who begin: personas, whose own prompts say what they need. */
  isExempt?: boolean;
}

/** The part of a session that the gate keeps. */
export interface GateSession {
  isGateOpen: boolean;
  /** True if the client was told that there are more tools now, and if it has listed them since. */
  isTold: boolean;
  hasListedAgain: boolean;
  /** The name and version that the client gives. */
  readonly client: string | undefined;
}
