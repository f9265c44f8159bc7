import { AppError } from "../../errors.ts";
import { kindOf, kinds } from "../../kinds/index.ts";
import { version } from "../../version.ts";
import { isVisible } from "../access/policy.ts";
import type { Snapshot } from "../catalogue/snapshot.ts";
import type { AuditEvent, AuditFilter, Row } from "../store/types.ts";
import { openApi } from "./openapi.ts";
import { positive } from "./resource-routes.ts";
import type { Call, Route } from "./route.ts";
import type { Server } from "./server.ts";

/** Health, metrics, what there is, and what has happened. */
export function systemRoutes(server: Server, routes: () => readonly Route[]): Route[] {
  const plain = (text: string, status = 200) =>
    new Response(text, { status, headers: { "content-type": "text/plain; charset=utf-8" } });
  const metrics = () =>
    new Response(server.metrics.render(), {
      headers: { "content-type": "text/plain; version=0.0.4; charset=utf-8" },
    });
  return [
    {
      method: "GET",
      path: "/healthz",
      access: "public",
      summary: "Whether the process serves",
      handle: () => plain("ok\n"),
    },
    {
      method: "GET",
      path: "/readyz",
      access: "public",
      summary: "Whether it should be sent requests",
      handle: async () => {
        const reasons = await server.unready();
        return reasons.length === 0 ? plain("ok\n") : plain(`${reasons.join("\n")}\n`, 503);
      },
    },
    server.metricsPublic
      ? {
          method: "GET",
          path: "/metrics",
          access: "public",
          summary: "Numbers for Prometheus",
          handle: metrics,
        }
      : {
          method: "GET",
          path: "/metrics",
          access: { verb: "view", resource: "metrics" },
          summary: "Numbers for Prometheus",
          handle: metrics,
        },
    {
      method: "GET",
      path: "/openapi.json",
      access: "authenticated",
      summary: "This description",
      handle: () => Response.json(openApi(routes())),
    },
    {
      method: "GET",
      path: "/api/v1/kinds",
      access: "authenticated",
      summary: "The kinds of resources, for clients",
      handle: () => Response.json(kinds),
    },
    {
      method: "GET",
      path: "/api/v1/version",
      access: "authenticated",
      summary: "What is running",
      handle: () => Response.json(version),
    },
    {
      method: "GET",
      path: "/api/v1/audit",
      access: { verb: "view", resource: "audit" },
      summary: "What has happened, newest first",
      query: {
        since: "RFC 3339",
        until: "RFC 3339",
        llm: "Only calls of this llm",
        user: "Only by this user",
        action: "llm_inference_call, login, create, …",
        limit: "At most so many; 100 when not given, never more than 1000",
      },
      handle: async (call) => Response.json(await audit(server, call)),
    },
  ];
}

async function audit(server: Server, { query, principal }: Call): Promise<object[]> {
  const { snapshot, store } = server.catalogue;
  const user = query.get("user");
  const filter: AuditFilter = { limit: Math.min(positive(query.get("limit"), "limit") ?? 100, 1000) };
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
  // A user that is gone may still be asked for by id.
  if (user !== null) filter.user = snapshot.named("user", user)?.id ?? user;
  const events = await store.queryAudit(filter);
  const shown = events.filter((event) =>
    subjects(snapshot, event).every((row) => isVisible(principal, kindOf(row.kind).plural, row)),
  );
  return shown.map((event) => ({
    ...event,
    at: new Date(event.at).toISOString(),
    user: snapshot.nameOf(event.userId),
  }));
}

/** The rows that an event tells of and that are still there: a private one is not told of to others (T52). */
function subjects(snapshot: Snapshot, { llm, poolMember, detail }: AuditEvent): Row[] {
  const called = [llm, poolMember].map((name) => name && snapshot.named("llm", name));
  return [...called, snapshot.byId.get(String(detail?.["id"]))].filter((row) => typeof row === "object");
}
