import { AppError } from "../../../errors.ts";
import type { Snapshot } from "../../core/store/snapshot.ts";
import type { AuditFilter } from "../../core/store/types.ts";
import { visibleEvent } from "../audit-events.ts";
import { followAudit } from "../audit-follow.ts";
import { wholeNumberIn } from "../query.ts";
import type { Route } from "../route.ts";
import type { Server } from "../server.ts";

/** What has happened, as a list or as it happens. */
export function auditRoutes(server: Server): Route[] {
  return [
    {
      method: "GET",
      path: "/api/v1/audit",
      access: { verb: "view", resource: "audit" },
      summary:
        "What has happened, newest first; with watch=1 as server-sent events, oldest first, without end",
      query: {
        since: "RFC 3339",
        until: "RFC 3339",
        llm: "Only calls of this llm",
        user: "Only by this user",
        action: "llm_inference_call, login, create, …",
        status: "Only with this status: 429, or 5xx",
        limit: "At most so many; 100 when not given, never more than 1000",
        watch: "1 to stay: first the newest that there are, then what comes",
        after: "With watch: only what came after the event of this id",
      },
      handle: async (call) => {
        const filter = filterOf(call.query, server.catalogue.snapshot);
        if (call.query.get("watch") === "1") return followAudit(server, call, filter);
        const events = await server.catalogue.store.queryAudit(filter);
        const { snapshot } = server.catalogue;
        return Response.json(events.flatMap((event) => visibleEvent(snapshot, call.principal, event) ?? []));
      },
    },
  ];
}

function filterOf(query: URLSearchParams, snapshot: Snapshot): AuditFilter {
  const filter: AuditFilter = { limit: Math.min(wholeNumberIn(query, "limit") ?? 100, 1000) };
  for (const name of ["since", "until"] as const) {
    const text = query.get(name);
    if (text === null) continue;
    const at = Date.parse(text);
    if (Number.isNaN(at))
      throw new AppError("invalid_request", `${name} must be a time such as 2026-11-21T10:00:00Z`);
    filter[name] = at;
  }
  for (const name of ["llm", "action"] as const) {
    const text = query.get(name);
    if (text !== null) filter[name] = text;
  }
  const status = query.get("status");
  if (status !== null) filter.status = statusRange(status);
  const user = query.get("user");
  // A user that is gone may still be asked for by id.
  if (user !== null) filter.user = snapshot.named("user", user)?.id ?? user;
  return filter;
}

/** `429` is that one, `5xx` all of its hundred. */
function statusRange(text: string): { from: number; to: number } {
  if (!/^[1-9](\d\d|xx)$/.test(text))
    throw new AppError("invalid_request", "status must be one such as 429, or a class such as 5xx");
  const from = Number(text.replace("xx", "00"));
  return { from, to: text.endsWith("xx") ? from + 99 : from };
}
