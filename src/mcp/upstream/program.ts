import type { RunningLaunch } from "../../processes/launch/start.ts";
import type { WireEvents } from "./wire.ts";

/** Milliseconds that a program has to end after it has closed its output. */
const closeTime = 500;

/** Returns a function that ends a program and all that it has started. It throws AppError if something goes on. */
export function stopOf(child: RunningLaunch): () => Promise<void> {
  return async () => {
    child.endInput();
    await child.stop();
    await child.closed;
  };
}

/**
 * Returns the events of a wire to a program. The program is ended when the wire closes: one that closes its output but
 * goes on is of no use.
 *
 * @param onError takes the reason for which it cannot be ended
 */
export function endingWithWire(
  child: RunningLaunch,
  events: WireEvents,
  onError: (error: Error) => void,
): WireEvents {
  const stop = stopOf(child);
  return {
    ...events,
    onClose(reason) {
      events.onClose(reason);
      void Promise.race([child.closed, Bun.sleep(closeTime)])
        .then(stop)
        .catch(onError);
    },
  };
}
