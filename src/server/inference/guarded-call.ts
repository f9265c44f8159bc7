import { WorkEnd } from "../../end-signal.ts";
import type { AppError } from "../../errors.ts";
import { whenGone } from "../../wire/incoming-request.ts";
import type { InferenceCall, InferenceDeps } from "./call.ts";
import { endReason } from "./end-reason.ts";
import { transportFailure } from "./failure.ts";

/** A call that ends when its bearer is no longer valid, also while it waits for its provider (T56). */
export interface GuardedCall {
  /** The call, with a signal that aborts in that case, too. */
  call: InferenceCall;
  /** Waits for the response, which has a guard of its own from then on. Throws AppError. */
  response(work: Promise<Response>): Promise<Response>;
}

/** Guards a call. */
export function guarded(
  deps: Pick<InferenceDeps, "catalogue" | "now" | "streams">,
  call: InferenceCall,
): GuardedCall {
  const { headers, takesLive = false } = call.httpRequest;
  const ended = new WorkEnd();
  whenGone(call.httpRequest, ended);
  return {
    call: { ...call, httpRequest: { headers, takesLive, signal: ended } },
    async response(work) {
      let reason: AppError | undefined;
      const stop = deps.streams.add(call.principal, () => {
        reason ??= endReason(deps, call.principal);
        ended.abort();
      });
      try {
        return await work;
      } catch (thrown) {
        const error = transportFailure(thrown);
        throw reason && error.code === "client_closed_request" ? reason : error;
      } finally {
        stop();
      }
    },
  };
}
