import type { Principal } from "../core/access/policy.ts";
import { eventBy } from "../core/caller.ts";
import { redact } from "../core/redact.ts";
import type { AuditLog } from "../observability/audit.ts";
import { pathOf } from "./guard.ts";
import type { IncomingRequest, Route } from "./route.ts";
import type { Server } from "./server.ts";

const longestPath = 200;

/**
 * Records a call that was refused because its principal has too few rights: with the path, which names what was asked for,
 * and not with the query or the body. Refused writes of the catalogue, and requests that only read, are not recorded.
 */
export function recordDenied(
  { audit, now }: Pick<Server, "now"> & { audit: AuditLog },
  { method, access }: Route,
  { request, requestId }: IncomingRequest,
  principal: Principal,
): void {
  if (method === "GET" || typeof access === "string" || !("verb" in access) || access.verb !== "run") return;
  const path = redact(pathOf(request.url), undefined).slice(0, longestPath);
  const event = eventBy(
    { principal, requestId },
    { at: now(), action: "denied", status: 403, detail: { asked: `${method} ${path}` } },
  );
  // The caller gets the error even if the log cannot be written.
  audit.record({ ...event, error: "forbidden" }).catch(() => {});
}
