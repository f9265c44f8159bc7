import { StoreError, type Write } from "../store/types.ts";
import type { Catalogue } from "./catalogue.ts";

/** Attempts of a write that loses against other writes. */
const attempts = 5;

/**
 * Commits writes. Where another write came first, they are made anew from the snapshot that has it.
 *
 * @throws StoreError
 */
export async function retryingStale(
  catalogue: Pick<Catalogue, "commit" | "refresh">,
  writes: () => Write[],
): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await catalogue.commit(writes());
    } catch (error) {
      if (!(error instanceof StoreError) || error.refusal !== "stale" || attempt === attempts) throw error;
      await catalogue.refresh();
    }
  }
}
