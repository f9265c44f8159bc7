import type { Gauges } from "../core/gauges.ts";
import type { Component } from "../core/lifecycle.ts";
import type { Store } from "../core/store/types.ts";
import type { AccessLog } from "./access-log.ts";
import { Audit } from "./audit.ts";

/** The audit log. It closes when all events that were recorded are in the database. */
export function auditComponent(
  store: Store,
  accessLog: AccessLog | undefined,
  gauges: Gauges,
): Component<Audit> {
  return {
    name: "audit",
    start() {
      const audit = new Audit(store, accessLog?.recorded);
      gauges.gauge(
        "mcpctl_audit_waiting_events",
        "Audit events that wait to be committed",
        () => audit.waiting,
      );
      return audit;
    },
    close: (audit) => audit.settled(),
  };
}
