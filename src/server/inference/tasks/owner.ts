import { AppError } from "../../../errors.ts";
import { isAdministrator, type Principal, tokenIdOf } from "../../core/access/policy.ts";
import type { Quotas } from "../../core/access/quotas.ts";
import type { Catalogue } from "../../core/catalogue/catalogue.ts";
import { storeFailure } from "../../core/store/store-failure.ts";
import type { OwnedBy } from "../../core/store/task-store.ts";
import { StoreError } from "../../core/store/types.ts";

/** Returns the user and the token that own what a principal makes; the token is "" for a user. */
export function makerOf(principal: Principal): Required<OwnedBy> {
  return { ownerId: principal.userId, tokenId: tokenIdOf(principal) ?? "" };
}

/** Returns whose objects a principal sees: a user sees those of its tokens too, a token its own (T231). */
export function ownOf(principal: Principal): OwnedBy {
  const { ownerId, tokenId } = makerOf(principal);
  return tokenId === "" ? { ownerId } : { ownerId, tokenId };
}

/** True for an object that a principal sees whole: nobody does while acting as its user (T266). */
export function isOwn(principal: Principal, of: Required<OwnedBy>): boolean {
  return !principal.impersonator && isOfOwner(principal, of);
}

/** True for an object whose facts a principal sees, but maybe not its contents. */
export function isSeen(principal: Principal, of: Required<OwnedBy>): boolean {
  return isOfOwner(principal, of) || isAdministrator(principal);
}

function isOfOwner(principal: Principal, { ownerId, tokenId }: Required<OwnedBy>): boolean {
  const own = ownOf(principal);
  return own.ownerId === ownerId && (own.tokenId ?? tokenId) === tokenId;
}

/**
 * Throws AppError `forbidden` in an impersonation: what outlives it would act as the other user after its end (T229).
 */
export function refuseImpersonation({ impersonator }: Principal, what: string): void {
  if (!impersonator) return;
  throw new AppError("forbidden", `${what} would outlive the impersonation`, {
    hint: "the user itself can make it",
  });
}

const megabyte = 1024 * 1024;

/**
 * Reserves room for something that is stored, in a quota of its number and in one of its size.
 *
 * @param use what the user has stored
 * @param bytes the size of what is added
 * @returns a function that ends the reservation
 * @throws AppError with the number of the quota
 */
export function reserveStored(
  { quotas, catalogue: { snapshot } }: { quotas: Quotas; catalogue: Pick<Catalogue, "snapshot"> },
  principal: Principal,
  [number, size]: readonly [number: string, size: string],
  use: { count: number; bytes: number },
  bytes: number,
): () => void {
  const release = quotas.reserve(snapshot, principal, number, use.count);
  try {
    const [has, adding] = [Math.ceil(use.bytes / megabyte), Math.ceil(bytes / megabyte)];
    const releaseSize = quotas.reserve(snapshot, principal, size, has, adding);
    return () => {
      release();
      releaseSize();
    };
  } catch (error) {
    release();
    throw error;
  }
}

/** Returns the result of the store. Throws AppError if the store refuses. */
export async function stored<T>(result: Promise<T>): Promise<T> {
  try {
    return await result;
  } catch (error) {
    throw error instanceof StoreError ? storeFailure(error) : error;
  }
}
