import type { Outbound } from "../../net/outbound.ts";
import { systemReason } from "../../system-errors.ts";
import type { WakeRecipe } from "../core/config.ts";
import { type WakeAttempt, wakeError } from "./wake.ts";

/** Begins a wake by an HTTP call. A status of 2xx is success; redirects are not followed. */
export function wakeByCall(outbound: Outbound, recipe: Extract<WakeRecipe, { type: "http" }>): WakeAttempt {
  const aborted = new AbortController();
  const limit = recipe.maxWaitSeconds * 1000;
  const call = async () => {
    let status: number;
    try {
      const response = await outbound(new URL(recipe.url), {
        method: recipe.method as "POST",
        headers: recipe.headers,
        ...(recipe.body !== undefined && { body: recipe.body }),
        // Some servers respond only when the model is loaded.
        timeouts: { connect: Math.min(limit, 10_000), firstByte: limit, silence: limit },
        signal: aborted.signal,
      });
      status = response.status;
      response.cancel();
    } catch (error) {
      const reason = systemReason(error);
      throw wakeError(`there was no response to the wake call${reason ? `: ${reason.text}` : ""}`);
    }
    if (status < 200 || status > 299) throw wakeError(`the response to the wake call has status ${status}`);
  };
  return {
    done: call(),
    async end() {
      aborted.abort();
    },
  };
}
