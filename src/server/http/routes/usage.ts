import { AppError } from "../../../errors.ts";
import { token } from "../../../kinds/token.ts";
import { mayName, ownFirst } from "../../core/access/own-names.ts";
import { decide, isAdministrator, isVisible, mayList, type Principal } from "../../core/access/policy.ts";
import { pricingOf } from "../../core/prices.ts";
import type { Snapshot } from "../../core/store/snapshot.ts";
import type { UsageRow } from "../../core/store/types.ts";
import { billedUnits, dayOf } from "../../core/store/usage.ts";
import type { Call, Route } from "../route.ts";
import type { Server } from "../server.ts";

const groupings = ["day", "user", "token", "llm"] as const;
type Grouping = (typeof groupings)[number];

const sums = [
  ...(["requests", "errors", "promptTokens", "completionTokens", "cachedTokens"] as const),
  ...billedUnits,
] as const;

/** The usage of one group. */
type Line = Partial<Record<Grouping, string | null>> &
  Record<(typeof sums)[number], number> & {
    /** In US dollars; null if no call had a price. */
    cost: number | null;
    /** Calls of llms without a price, which `cost` does not include. */
    unpriced: number;
  };

/** The route of usage. */
export function usageRoutes(server: Server): Route[] {
  return [
    {
      method: "GET",
      path: "/api/v1/usage",
      access: "authenticated",
      summary: "Sum up calls, tokens and cost: of all users with view on audit, otherwise of the caller",
      query: {
        by: "Groups, one or more of day, user, token, llm with commas; user if not given",
        since: "First day, such as 2026-11-01; the first of this month if not given",
        until: "Last day; today if not given",
        user: "Only calls of this user",
        token: "Only calls with this token",
        llm: "Only calls of this llm",
      },
      handle: async (call) => Response.json(await usage(server, call)),
    },
  ];
}

async function usage(server: Server, { principal, query }: Call): Promise<Line[]> {
  const { snapshot, store } = server.catalogue;
  const today = dayOf(server.now());
  const by = groupingsIn(query.get("by") ?? "user");
  const since = dayIn(query, "since") ?? `${today.slice(0, 7)}-01`;
  const until = dayIn(query, "until") ?? today;
  const all = mayList(principal, "view", "audit");
  const user = query.get("user");
  const userId = user === null ? undefined : (snapshot.named("user", user)?.id ?? user);
  if (!all && userId !== undefined && userId !== principal.userId)
    throw new AppError("forbidden", "you may see only your own usage", {
      hint: "the usage of others needs view on audit",
    });
  const wanted = query.get("token");
  const llm = query.get("llm");
  const owner = all ? userId : principal.userId;
  const rows = await store.usage({
    since,
    until,
    ...(owner !== undefined && { userId: owner }),
    ...(wanted !== null && { tokenId: tokenId(snapshot, principal, wanted) }),
    ...(llm !== null && { llm }),
  });
  const lines = new Map<string, Line>();
  const tokens = tokenNames(snapshot, principal);
  for (const row of rows) {
    const shown = {
      ...named(snapshot, principal, row),
      token: row.tokenId === "" ? null : tokens(row.tokenId),
    };
    if (llm !== null && shown.llm === null) continue;
    add(lines, by, shown, row, isUnpriced(snapshot, row));
  }
  return [...lines].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, line]) => line);
}

function add(
  lines: Map<string, Line>,
  by: readonly Grouping[],
  shown: Record<Grouping, string | null>,
  row: UsageRow,
  withoutPrice: boolean,
) {
  const key = by.map((grouping) => shown[grouping] ?? "").join("\n");
  let line = lines.get(key);
  if (!line) {
    const group = Object.fromEntries(by.map((grouping) => [grouping, shown[grouping]]));
    const nothing = Object.fromEntries(sums.map((sum) => [sum, 0])) as Record<(typeof sums)[number], number>;
    line = { ...group, ...nothing, cost: null, unpriced: 0 };
    lines.set(key, line);
  }
  for (const sum of sums) line[sum] += row[sum];
  line.unpriced += withoutPrice ? row.requests : row.unpriced;
  // Sums are made in whole millionths: sums of dollars would have rounding errors.
  if (!withoutPrice) line.cost = (Math.round((line.cost ?? 0) * 1e6) + row.costMicros) / 1e6;
}

/**
 * True if none of the calls has a price. Earlier versions did not record that: there, calls had tokens but no cost because
 * their llm has no price.
 */
function isUnpriced(snapshot: Snapshot, usage: UsageRow): boolean {
  const { llm, costMicros, promptTokens, completionTokens, unpriced } = usage;
  if (unpriced > 0) return costMicros === 0;
  const row = snapshot.named("llm", llm);
  return row !== undefined && costMicros === 0 && promptTokens + completionTokens > 0 && !pricingOf(row);
}

/**
 * Returns names for ids. Deleted rows keep their id. A hidden llm has no name (T52), nor has a deleted one in the usage
 * of others, which may have been private (T117).
 */
function named(snapshot: Snapshot, principal: Principal, { day, userId, llm }: UsageRow) {
  const row = snapshot.named("llm", llm);
  const hidden = row
    ? !isVisible(principal, "llms", row) && decide(principal, "run", "llms", llm, row) !== "allow"
    : userId !== principal.userId && !isAdministrator(principal);
  return {
    day,
    user: snapshot.nameOf(userId) ?? userId,
    llm: hidden || llm === "" ? null : llm,
  };
}

/** Returns the tokens that a principal may see. */
function seenTokens(snapshot: Snapshot, principal: Principal) {
  return snapshot.table("token").sorted.filter((row) => mayName(principal, token, row));
}

function tokenId(snapshot: Snapshot, principal: Principal, nameOrId: string): string {
  const named = seenTokens(snapshot, principal).filter(({ name }) => name === nameOrId);
  const [row, ...more] = ownFirst(principal, token, named);
  if (more.length > 0)
    throw new AppError("conflict", `there are several tokens "${nameOrId}"`, {
      hint: "give the id of one: mcpctl get tokens -o wide",
    });
  return row?.id ?? nameOrId;
}

/** Returns a function from an id to a name. Tokens whose name another one has too, and deleted ones, keep their id. */
function tokenNames(snapshot: Snapshot, principal: Principal): (id: string) => string {
  const names = Map.groupBy(seenTokens(snapshot, principal), ({ name }) => name);
  return (id) => {
    const name = snapshot.nameOf(id) ?? id;
    return (names.get(name)?.length ?? 0) > 1 ? id : name;
  };
}

function groupingsIn(text: string): Grouping[] {
  const words = [...new Set(text.split(","))];
  const wrong = words.find((word) => !groupings.some((grouping) => grouping === word));
  if (wrong === undefined) return words as Grouping[];
  throw new AppError("invalid_request", `by: "${wrong}" must be one of ${groupings.join(", ")}`);
}

function dayIn(query: URLSearchParams, name: string): string | undefined {
  const text = query.get(name);
  if (text === null) return undefined;
  if (/^\d{4}-\d\d-\d\d$/.test(text) && !Number.isNaN(Date.parse(text))) return text;
  throw new AppError("invalid_request", `${name} must be a day such as 2026-11-21`);
}
