import { token } from "../../../kinds/token.ts";
import { oncePerObject } from "../once-per-object.ts";
import type { Snapshot } from "../store/snapshot.ts";
import { isOf, type RowOf } from "../store/typed-rows.ts";
import type { Row } from "../store/types.ts";

type TokenRow = RowOf<"token">;

/** The most tokens that stand between a token and its user: each of them is asked at every check of a right. */
export const maxGenerations = 8;

/**
 * Returns the tokens that made a token, the nearest first: none if a user made it. Undefined if one of them no longer
 * exists; the token is not valid then.
 */
export function makersOf({ byId }: Pick<Snapshot, "byId">, row: TokenRow): TokenRow[] | undefined {
  const makers: TokenRow[] = [];
  for (let id = row.status.maker; id !== undefined; id = makers.at(-1)?.status.maker) {
    const maker = byId.get(id);
    if (!isOf(token, maker) || makers.length > maxGenerations) return undefined;
    makers.push(maker);
  }
  return makers;
}

/** Returns the tokens that a token has made, of all generations. */
export function madeBy(snapshot: Snapshot, id: string): TokenRow[] {
  const children = childrenByMaker(snapshot.table("token").sorted).get(id) ?? [];
  return children.flatMap((child) => [child, ...madeBy(snapshot, child.id)]);
}

/**
 * Returns the tokens on whose limits the use of a token counts besides its own, by the id of the token. A deleted token
 * counts on those that made it, so that nobody gets a limit back by deleting what has used it up.
 */
export function accountableFor(snapshot: Snapshot): ReadonlyMap<string, readonly string[]> {
  return accountable(snapshot.table("token").sorted);
}

const accountable = oncePerObject((tokens: readonly TokenRow[]): ReadonlyMap<string, readonly string[]> => {
  const byId = new Map<string, Row>(tokens.map((row) => [row.id, row]));
  const makers = new Map(tokens.map((row) => [row.id, (makersOf({ byId }, row) ?? []).map(({ id }) => id)]));
  for (const { id, status } of tokens)
    for (const gone of status.deletedChildren ?? []) makers.set(gone.id, [id, ...(makers.get(id) ?? [])]);
  return makers;
});

const childrenByMaker = oncePerObject((tokens: readonly TokenRow[]) =>
  Map.groupBy(tokens, ({ status }) => status.maker),
);
