import { AppError } from "../../errors.ts";
import { scopeIn } from "../../kinds/scopes.ts";
import { token } from "../../kinds/token.ts";
import { decide } from "../core/access/policy.ts";
import { standing } from "../core/access/standing.ts";
import { makersOf } from "../core/access/token-makers.ts";
import { mayActForOthers, mayRotate } from "../core/access/token-rights.ts";
import { eventBy } from "../core/caller.ts";
import { hasAllRightsOf } from "../core/catalogue/hooks/user.ts";
import type { RowOf } from "../core/store/typed-rows.ts";
import { StoreError, type Write } from "../core/store/types.ts";
import type { Call } from "./route.ts";
import type { Server } from "./server.ts";

/** Attempts of a change that loses against other writes. */
const attempts = 5;

type TokenRow = RowOf<"token">;

/** A change of a token that only its user, or a token that made it, may make. */
export interface TokenChange {
  /** The word of the audit, and of the error. */
  action: "rotate" | "renew";
  /** True if a token may change itself. */
  bySelf: boolean;
  /**
   * Returns what the row gets, and the writes beside it.
   *
   * @param makers the tokens that made it, the nearest first
   * @param isForAnother true if an administrator does it in place of the user
   */
  make(
    row: TokenRow,
    makers: readonly TokenRow[],
    isForAnother: boolean,
  ): ChangedToken | Promise<ChangedToken>;
}

interface ChangedToken {
  row: Partial<TokenRow>;
  writes?: Write[];
}

/** Changes the token that a call names, and returns it as it is shown. Throws AppError `forbidden` or `not_found`. */
export async function changeToken(server: Server, call: Call, change: TokenChange): Promise<object> {
  const { catalogue, resources } = server;
  const { principal } = call;
  const { action, bySelf, make } = change;
  for (let attempt = 1; ; attempt++) {
    const scope = scopeIn(token, call.query);
    const row = resources.find(principal, "view", token, call.params["idOrName"]!, scope);
    const { snapshot } = catalogue;
    const makers = makersOf(snapshot, row) ?? [];
    const user = row.owner === null ? undefined : snapshot.byId.get(row.owner);
    const mayCreate = decide(principal, "create", token.plural) === "allow";
    const forAnother = user && mayActForOthers(principal) && hasAllRightsOf(principal, snapshot, user);
    const makerIds = makers.map(({ id }) => id);
    const isOwn = mayRotate(principal, row, makerIds, mayCreate) && (bySelf || principal.id !== row.id);
    if (!isOwn && !forAnother)
      throw new AppError("forbidden", `you may not ${action} token "${row.name}"`, {
        hint: `users ${action} their own tokens after mcpctl login`,
      });
    const now = server.now();
    const changed = await make(row, makers, !isOwn);
    const next = { ...row, ...changed.row, version: row.version + 1, updatedAt: now };
    const detail = { kind: token.kind, name: row.name, id: row.id };
    try {
      await catalogue.commit([
        ...standing(principal),
        { op: "update", row: next, refs: snapshot.refsOf(row.id) },
        ...(changed.writes ?? []),
        { op: "audit", event: eventBy(call, { at: now, action, status: 200, detail }) },
      ]);
    } catch (error) {
      if (!(error instanceof StoreError) || error.refusal !== "stale" || attempt === attempts) throw error;
      await catalogue.refresh();
      continue;
    }
    return resources.present(principal, token, next);
  }
}
