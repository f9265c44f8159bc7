import { AppError } from "../../../errors.ts";
import { isId } from "../../../kinds/names.ts";
import { token } from "../../../kinds/token.ts";
import { eachInTurns, sortedInTurns } from "../../../wire/next-turn.ts";
import { mayName, ownFirst } from "../../core/access/own-names.ts";
import { decide, isAdministrator, isVisible, mayList, type Principal } from "../../core/access/policy.ts";
import type { Catalogue } from "../../core/catalogue/catalogue.ts";
import { pricingOf } from "../../core/prices.ts";
import type { FormerName } from "../../core/store/former-names.ts";
import type { Snapshot } from "../../core/store/snapshot.ts";
import type { UsageRow } from "../../core/store/types.ts";
import { billedUnits, dayMilliseconds, dayOf } from "../../core/store/usage.ts";
import { listPieces, longResponse } from "../long-response.ts";
import { formerLlmOf, llmPeriod, recordedId, recordNames, severalFormer } from "../record-names.ts";
import type { Call, Route } from "../route.ts";
import type { Server } from "../server.ts";

const groupings = ["day", "user", "token", "llm"] as const;
type Grouping = (typeof groupings)[number];

const sums = [
  ...(["requests", "errors", "promptTokens", "completionTokens", "cachedTokens"] as const),
  ...billedUnits,
] as const;

/** The usage of one group. */
type Line = Partial<Record<Grouping | `${Grouping}DeletedAt` | "userId" | "tokenId", string | null>> &
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
        user: "Only calls of this user: a name, or an id; a name that nobody has means the deleted user who had it",
        token: "Only calls with this token: its name or id, also of a deleted one",
        llm: "Only calls of this llm: its name, or an id, also of a deleted one",
      },
      handle: async (call) => {
        const lines = await usage(server, call);
        return longResponse(listPieces(lines, (line) => line));
      },
    },
  ];
}

async function usage(server: Server, { principal, query }: Call): Promise<Line[]> {
  const { catalogue } = server;
  const { snapshot, store } = catalogue;
  const today = dayOf(server.now());
  const by = groupingsIn(query.get("by") ?? "user");
  const since = dayIn(query, "since") ?? `${today.slice(0, 7)}-01`;
  const until = dayIn(query, "until") ?? today;
  const all = mayList(principal, "view", "audit");
  const user = query.get("user");
  const userId = user === null ? undefined : await askedUser(catalogue, principal, user, all);
  if (!all && userId !== undefined && userId !== principal.userId)
    throw new AppError("forbidden", "you may see only your own usage", {
      hint: "the usage of others needs view on audit",
    });
  const wanted = query.get("token");
  const llm = query.get("llm");
  const period = llm === null ? undefined : await llmPeriod(catalogue, llm);
  const owner = all ? userId : principal.userId;
  const rows = await store.usage({
    since: latest(since, period?.since),
    until: earliest(until, period?.until),
    ...(owner !== undefined && { userId: owner }),
    ...(wanted !== null && { tokenId: await tokenId(catalogue, principal, wanted) }),
    ...(period && { llm: period.name }),
  });
  const ids = new Set<string>();
  const llmNames = new Set<string>();
  await eachInTurns(rows, (row) => {
    ids.add(row.userId).add(row.tokenId);
    llmNames.add(row.llm);
  });
  const nameOf = await recordNames(catalogue, ids);
  const llms = [...llmNames];
  const formerLlms = llms.length === 0 ? [] : await store.formerlyNamed("llm", llms, mostFormerLlms);
  const lines = new Map<string, Line>();
  const tokens = repeatedTokens(snapshot, principal);
  await eachInTurns(rows, (row) => {
    const endOfDay = Date.parse(row.day) + dayMilliseconds;
    const former = formerLlmOf(snapshot, row.llm, endOfDay, formerLlms);
    const shownLlm = isHidden(snapshot, principal, row, former) || row.llm === "" ? null : row.llm;
    if (llm !== null && shownLlm === null) return;
    const user = nameOf(row.userId);
    const token = nameOf(row.tokenId);
    const isUnclear = !token || tokens.has(token.name);
    const shown: Shown = {
      day: { text: row.day, key: row.day },
      user: { text: user?.name ?? row.userId, key: row.userId, id: row.userId, deletedAt: user?.deletedAt },
      token:
        row.tokenId === ""
          ? { text: null, key: "" }
          : {
              text: isUnclear ? row.tokenId : token.name,
              key: row.tokenId,
              id: row.tokenId,
              deletedAt: token?.deletedAt,
            },
      llm: {
        text: shownLlm,
        key: shownLlm === null ? "" : `${shownLlm} ${former?.id ?? ""}`,
        deletedAt: shownLlm !== null && former ? new Date(former.deletedAt).toISOString() : undefined,
      },
    };
    add(lines, by, shown, row, isUnpriced(snapshot, row, former));
  });
  const sorted = await sortedInTurns([...lines], ([a], [b]) => (a < b ? -1 : 1));
  return sorted.map(([, line]) => line);
}

/** The most deleted llms that are looked at for the names of one answer. */
const mostFormerLlms = 1000;

/** The cells of a line for its group: the text, the key of its group, and the id and the end of a row that has them. */
type Shown = Record<
  Grouping,
  { text: string | null; key: string; id?: string; deletedAt?: string | undefined }
>;

/** Returns the later one of a day and the day of a time in milliseconds. */
function latest(day: string, at: number | undefined): string {
  return at === undefined || dayOf(at) < day ? day : dayOf(at);
}

function earliest(day: string, at: number | undefined): string {
  return at === undefined || dayOf(at) > day ? day : dayOf(at);
}

/** Returns the id of the user whose usage is asked for. Names of deleted users are only for those who see all usage. */
async function askedUser(
  catalogue: Pick<Catalogue, "snapshot" | "store">,
  { userId }: Principal,
  user: string,
  all: boolean,
): Promise<string> {
  if (all) return recordedId(catalogue, "user", user);
  return catalogue.snapshot.named("user", user)?.id ?? (user === userId ? userId : "");
}

function add(
  lines: Map<string, Line>,
  by: readonly Grouping[],
  shown: Shown,
  row: UsageRow,
  withoutPrice: boolean,
) {
  const key = by.map((grouping) => `${shown[grouping].text ?? ""}\n${shown[grouping].key}`).join("\n");
  let line = lines.get(key);
  if (!line) {
    const group: object = Object.assign({}, ...by.map((grouping) => groupFields(grouping, shown[grouping])));
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
function isUnpriced(snapshot: Snapshot, usage: UsageRow, former: FormerName | undefined): boolean {
  const { llm, costMicros, promptTokens, completionTokens, unpriced } = usage;
  if (unpriced > 0) return costMicros === 0;
  const row = former ? undefined : snapshot.named("llm", llm);
  return row !== undefined && costMicros === 0 && promptTokens + completionTokens > 0 && !pricingOf(row);
}

/** The members of a line about one of its groups. The id tells deleted users of one name apart. */
function groupFields(grouping: Grouping, { text, id, deletedAt }: Shown[Grouping]): object {
  if (deletedAt === undefined) return { [grouping]: text };
  return {
    [grouping]: text,
    ...(id !== undefined && { [`${grouping}Id`]: id }),
    [`${grouping}DeletedAt`]: deletedAt,
  };
}

/**
 * True if the name of an llm is not shown. A hidden llm has no name (T52), nor has a deleted one in the usage of others,
 * which may have been private (T117), also if another llm has its name by now.
 */
function isHidden(
  snapshot: Snapshot,
  principal: Principal,
  { userId, llm }: UsageRow,
  former: FormerName | undefined,
): boolean {
  const row = snapshot.named("llm", llm);
  if (row && !former)
    return !isVisible(principal, "llms", row) && decide(principal, "run", "llms", llm, row) !== "allow";
  return userId !== principal.userId && !isAdministrator(principal);
}

/** Returns the tokens that a principal may see. */
function seenTokens(snapshot: Snapshot, principal: Principal) {
  return snapshot.table("token").sorted.filter((row) => mayName(principal, token, row));
}

async function tokenId(
  { snapshot, store }: Pick<Catalogue, "snapshot" | "store">,
  principal: Principal,
  nameOrId: string,
): Promise<string> {
  const named = seenTokens(snapshot, principal).filter(({ name }) => name === nameOrId);
  const [row, ...more] = ownFirst(principal, token, named);
  if (more.length > 0)
    throw new AppError("conflict", `there are several tokens "${nameOrId}"`, {
      hint: "give the id of one: mcpctl get tokens -o wide",
    });
  if (row || isId(nameOrId)) return row?.id ?? nameOrId;
  const seesAll = mayList(principal, "view", "tokens");
  const former = (await store.formerlyNamed("token", [nameOrId], mostFormerTokens)).filter(
    ({ owner }) => seesAll || owner === principal.userId,
  );
  const own = former.filter(({ owner }) => owner === principal.userId);
  const meant = own.length > 0 ? own : former;
  if (meant.length > 1) throw severalFormer("tokens", nameOrId, meant);
  return meant[0]?.id ?? nameOrId;
}

/** The most deleted tokens of one name that are looked at. */
const mostFormerTokens = 100;

/** Returns the names that several tokens have, of which a line shows the ids. */
function repeatedTokens(snapshot: Snapshot, principal: Principal): Set<string> {
  const names = Map.groupBy(seenTokens(snapshot, principal), ({ name }) => name);
  return new Set([...names].filter(([, rows]) => rows.length > 1).map(([name]) => name));
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
