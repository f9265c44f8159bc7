import { type Refusal, StoreError } from "../../core/store/types.ts";

/** Milliseconds between two attempts. */
const firstPause = 250;
const longestPause = 5000;
/** Refusals of the store that pass. */
const passing = new Set<Refusal>(["unavailable", "full"]);

/**
 * Makes a write again until the database takes it. It must be one that can be made twice.
 *
 * @param stopping ends the attempts: the error of the last one is thrown
 * @param onError gets the first error
 */
export async function untilStored<T>(
  write: () => Promise<T>,
  stopping: AbortSignal,
  onError: (error: unknown) => void,
): Promise<T> {
  for (let times = 0; ; times++) {
    try {
      return await write();
    } catch (error) {
      const mayPass = error instanceof StoreError && passing.has(error.refusal);
      if (!mayPass || stopping.aborted) throw error;
      if (times === 0) onError(error);
      await pause(Math.min(firstPause * 2 ** times, longestPause), stopping);
    }
  }
}

function pause(milliseconds: number, stopping: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, milliseconds);
  const stop = () => resolve();
  stopping.addEventListener("abort", stop, { once: true });
  return promise.finally(() => {
    clearTimeout(timer);
    stopping.removeEventListener("abort", stop);
  });
}
