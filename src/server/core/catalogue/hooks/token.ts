import { AppError } from "../../../../errors.ts";
import { token } from "../../../../kinds/token.ts";
import { bearerHash, bearerPrefix, mintBearer } from "../../access/bearer.ts";
import { madeBy, makersOf, maxGenerations } from "../../access/token-makers.ts";
import { isOf, type RowOf } from "../../store/typed-rows.ts";
import type { Draft, Hooks } from "../hooks.ts";
import { minuteOf } from "../minute-of.ts";
import { bindGrants, normaliseGrants } from "./grants.ts";

type TokenRow = RowOf<"token">;

/** The most tokens that a token with limits can make in `remembered`, deleted ones included. */
const maxMadeWithLimits = 1000;
/** Use that is older counts on no limit, also if the clock is set back by a day. Milliseconds. */
const remembered = 32 * 24 * 60 * 60 * 1000;

export const tokenHooks: Hooks<TokenRow> = {
  normalise: normaliseGrants,
  prepare(draft, services) {
    const expiresAt = draft.row.spec.expiresAt;
    if (typeof expiresAt === "string" && !draft.before && Date.parse(expiresAt) <= services.now()) {
      draft.faults.push({ path: "/expiresAt", message: "must be in the future" });
    }
    if (draft.before) return;
    // It would last longer than the impersonation, and be the user's own.
    if (draft.principal.impersonator)
      throw new AppError("forbidden", "no tokens can be made while acting as another user");
    bindGrants(draft);
    const bearer = mintBearer("pat", services.random);
    const isGivenOut = draft.row.owner !== draft.principal.userId;
    draft.row.status = {
      ...draft.row.status,
      prefix: bearerPrefix(bearer),
      ...(isGivenOut && { givenBy: draft.principal.userId }),
    };
    boundByMaker(draft, services.now());
    draft.writeAfter.push({ op: "setBearer", tokenId: draft.row.id, hash: bearerHash(bearer) });
    draft.response["token"] = bearer;
  },
  /** Deletes the tokens that it made, too, and leaves their use with the token that made it (T113). */
  remove(draft, services) {
    const { row, snapshot } = draft;
    const children = madeBy(snapshot, row.id);
    for (const { id, version } of children) draft.writeFirst.push({ op: "delete", id, version });
    const maker = snapshot.byId.get(row.status.maker ?? "");
    if (!isOf(token, maker) || !isLimited([maker, ...(makersOf(snapshot, maker) ?? [])])) return;
    const now = services.now();
    const at = new Date(now).toISOString();
    const deletedChildren = [
      ...recentlyDeleted(maker, now),
      ...[row, ...children].map(({ id }) => ({ id, at })),
    ];
    const status = { ...maker.status, deletedChildren };
    const changed = { ...maker, status, version: maker.version + 1, updatedAt: now };
    draft.writeFirst.push({ op: "update", row: changed, refs: snapshot.refsOf(maker.id) });
  },
  status(row, { snapshot, now }) {
    const expiresAt = row.spec.expiresAt;
    const expired =
      (typeof expiresAt === "string" && Date.parse(expiresAt) <= now) || !makersOf(snapshot, row);
    const used = snapshot.volatile.lastUsed.get(row.id);
    const lastUsedAt = used === undefined ? null : minuteOf(used, row.createdAt);
    return {
      prefix: row.status.prefix,
      lastUsedAt,
      maker: snapshot.nameOf(row.status.maker ?? null),
      status: expired ? "expired" : "active",
    };
  },
};

/** Binds a new token to the token that makes it: it ends no later, and counts on the same limits (T113). */
function boundByMaker({ principal, snapshot, row }: Draft<TokenRow>, now: number): void {
  if (principal.kind !== "Token") return;
  const maker = snapshot.byId.get(principal.id);
  const makers = isOf(token, maker) ? [maker, ...(makersOf(snapshot, maker) ?? [])] : [];
  if (makers.length > maxGenerations)
    throw new AppError(
      "forbidden",
      `there are already ${maxGenerations} tokens between this one and its user`,
      {
        hint: "make the token with one of those, or after mcpctl login",
      },
    );
  if (isOf(token, maker) && isLimited(makers)) {
    const made = madeBy(snapshot, maker.id).length + recentlyDeleted(maker, now).length;
    if (made >= maxMadeWithLimits)
      throw new AppError(
        "too_many_requests",
        `token "${maker.name}" has limits and has made ${maxMadeWithLimits} tokens in 32 days`,
        { hint: "make them with another token, or after mcpctl login" },
      );
  }
  row.status = { ...row.status, maker: principal.id };
  const { expiresAt: own } = row.spec;
  const { expiresAt: end } = principal;
  if (end !== undefined && (typeof own !== "string" || Date.parse(own) > end))
    row.spec.expiresAt = new Date(end).toISOString();
}

function isLimited(tokens: readonly TokenRow[]): boolean {
  return tokens.some(({ spec }) => spec.limits !== undefined);
}

function recentlyDeleted({ status: { deletedChildren = [] } }: TokenRow, now: number) {
  return deletedChildren.filter(({ at }) => Date.parse(at) > now - remembered);
}
