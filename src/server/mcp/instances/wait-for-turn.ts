import { nativeSignal } from "../../../end-signal.ts";
import { AppError } from "../../../errors.ts";
import type { Time } from "../../../time.ts";
import type { ServerCall } from "../types.ts";
import type { FairQueue } from "./fair-queue.ts";

/**
 * Waits until an instance takes one more call of a caller.
 *
 * @param callTime milliseconds that a call may take: calls that take longer may never end, and none waits for them longer
 * @throws AppError `too_many_requests` after that time; the errors of the queue
 */
export async function waitForTurn(
  queue: FairQueue,
  { server, caller, signal }: ServerCall,
  callTime: number,
  time: Time,
): Promise<void> {
  const late = new AbortController();
  const stopTimer = time.after(callTime, () => late.abort());
  try {
    const either = signal ? nativeSignal(signal, late.signal) : late.signal;
    await queue.enter(caller.principal.id, either);
  } catch (error) {
    if (!late.signal.aborted || signal?.aborted) throw error;
    throw new AppError(
      "too_many_requests",
      `MCP server ${server.name} was busy with other calls for callSeconds (${callTime / 1000} s); the call was not sent to it`,
      { retryAfter: 1 },
    );
  } finally {
    stopTimer();
  }
}
