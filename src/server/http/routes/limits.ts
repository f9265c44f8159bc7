import { Type } from "@sinclair/typebox";
import { allHolders, holdersOf, type LimitHolder } from "../../core/access/limit-holders.ts";
import { mayList, type Principal } from "../../core/access/policy.ts";
import type { Call, Route } from "../route.ts";
import type { Server } from "../server.ts";

const LimitLine = Type.Object({
  kind: Type.String(),
  name: Type.String(),
  limit: Type.String(),
  used: Type.Number(),
  reserved: Type.Number(),
  max: Type.Number(),
  resetsAt: Type.String({ format: "date-time" }),
});

/** The route of limits and the use that counts against them. */
export function limitRoutes(server: Server): Route[] {
  return [
    {
      method: "GET",
      path: "/api/v1/limits",
      access: "authenticated",
      summary:
        "List limits with the use that counts against them: of all with view on audit, otherwise those that apply to the caller",
      query: { mine: "1: only those that apply to the caller" },
      response: Type.Array(LimitLine),
      handle: (call) => Response.json(holdersFor(server, call).flatMap((holder) => linesOf(server, holder))),
    },
  ];
}

function holdersFor({ catalogue: { snapshot } }: Server, { principal, query }: Call): readonly LimitHolder[] {
  const isMine = query.get("mine") === "1" || !mayList(principal, "view", "audit");
  return isMine ? holdersOf(snapshot, principal) : allHolders(snapshot);
}

/** Returns the limits that apply to a principal, with the use that counts against them. */
export function limitsOf(server: Server, principal: Principal): object[] {
  return holdersOf(server.catalogue.snapshot, principal).flatMap((holder) => linesOf(server, holder));
}

function linesOf({ limits, mcp }: Server, holder: LimitHolder): object[] {
  const { kind, name } = holder.row;
  const states = [...limits.standing(holder), ...mcp.limits.standing(holder)];
  return states.map(({ resetsAt, ...state }) => ({
    kind,
    name,
    ...state,
    resetsAt: new Date(resetsAt).toISOString(),
  }));
}
