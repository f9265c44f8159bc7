import type { Availability } from "./sandbox-level.ts";

/** Keeps the answer of a probe that found the level to work: what is missing may be installed at any time. */
export function remembered(probe: () => Promise<Availability>): () => Promise<Availability> {
  let known: Promise<Availability> | undefined;
  return async () => {
    known ??= probe();
    const running = known;
    const found = await running.catch((error: unknown) => {
      known = undefined;
      throw error;
    });
    if (!found.available && known === running) known = undefined;
    return found;
  };
}
