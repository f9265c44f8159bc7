import { AppError } from "../../../errors.ts";
import type { Catalogue } from "../../core/catalogue/catalogue.ts";
import type { AuditFilter } from "../../core/store/types.ts";
import { actorNames, visibleEvent, withRules } from "../audit-events.ts";
import { followAudit } from "../audit-follow.ts";
import { wholeNumberIn } from "../query.ts";
import { llmPeriod, recordedId } from "../record-names.ts";
import type { Route } from "../route.ts";
import type { Server } from "../server.ts";

/** The audit log, as a list or as a stream. */
export function auditRoutes(server: Server): Route[] {
  return [
    {
      method: "GET",
      path: "/api/v1/audit",
      access: { verb: "view", resource: "audit" },
      summary:
        "List audit events, newest first; with watch=1 stream them as server-sent events, oldest first",
      query: {
        since: "Only events from this time on, RFC 3339",
        until: "Only events before this time, RFC 3339",
        llm: "Only calls of this llm or pool: its name, or the id of an llm, also of a deleted one",
        user: "Only events of this user: a name, or an id; a name that nobody has means the deleted user who had it",
        token:
          "Only events of this token: a name, or an id; a name that nobody has means the deleted token that had it",
        action: "Only events of this action: llm_inference_call, login, create, …",
        status: "Only events with this status: 429, or 5xx",
        request:
          "Only events of the request with this id; those of calls have the rules that allow them now, as `rules`",
        limit: "The most events to return; 100 if not given, at most 1000",
        watch: "1: return the newest events, then stream new ones",
        after: "With watch: only events after the one with this id",
      },
      handle: async (call) => {
        const filter = await filterOf(call.query, server.catalogue);
        if (call.query.get("watch") === "1") return followAudit(server, call, filter);
        const events = await server.catalogue.store.queryAudit(filter);
        const nameOf = await actorNames(server.catalogue, events);
        const { snapshot } = server.catalogue;
        const { principal } = call;
        const shown = events.flatMap((event) => {
          const visible = visibleEvent(snapshot, principal, event, nameOf);
          if (!visible) return [];
          return filter.requestId === undefined
            ? visible
            : { ...visible, ...withRules(snapshot, principal, event) };
        });
        return Response.json(shown);
      },
    },
  ];
}

async function filterOf(query: URLSearchParams, catalogue: Catalogue): Promise<AuditFilter> {
  const filter: AuditFilter = { limit: Math.min(wholeNumberIn(query, "limit") ?? 100, 1000) };
  for (const name of ["since", "until"] as const) {
    const text = query.get(name);
    if (text === null) continue;
    const at = Date.parse(text);
    if (Number.isNaN(at))
      throw new AppError("invalid_request", `${name} must be a time such as 2026-11-21T10:00:00Z`);
    filter[name] = at;
  }
  const action = query.get("action");
  if (action !== null) filter.action = action;
  const llm = query.get("llm");
  if (llm !== null) {
    const { name, since = 0, until = Number.POSITIVE_INFINITY } = await llmPeriod(catalogue, llm);
    filter.llm = name;
    if (since > (filter.since ?? 0)) filter.since = since;
    if (until < (filter.until ?? Number.POSITIVE_INFINITY)) filter.until = until;
  }
  const request = query.get("request");
  if (request !== null) filter.requestId = request;
  const status = query.get("status");
  if (status !== null) filter.status = statusRange(status);
  const user = query.get("user");
  if (user !== null) filter.user = await recordedId(catalogue, "user", user);
  const token = query.get("token");
  if (token !== null) filter.token = await recordedId(catalogue, "token", token);
  return filter;
}

/** Parses a status or a class of statuses: `429`, or `5xx` for 500 to 599. */
function statusRange(text: string): { from: number; to: number } {
  if (!/^[1-9](\d\d|xx)$/.test(text))
    throw new AppError("invalid_request", "status must be a status such as 429, or a class such as 5xx");
  const from = Number(text.replace("xx", "00"));
  return { from, to: text.endsWith("xx") ? from + 99 : from };
}
