import type { Outbound } from "../../net/outbound.ts";
import type { WakeRecipe } from "../core/config.ts";
import { type Attempt, failed } from "./wake.ts";

/** Begins a wake by a call. An answer of 2xx is success; no redirect is followed. */
export function wakeByCall(outbound: Outbound, recipe: Extract<WakeRecipe, { type: "http" }>): Attempt {
  const aborted = new AbortController();
  const limit = recipe.maxWaitSeconds * 1000;
  const call = async () => {
    let status: number;
    try {
      const answer = await outbound(new URL(recipe.url), {
        method: recipe.method as "POST",
        headers: recipe.headers,
        ...(recipe.body !== undefined && { body: recipe.body }),
        // Some answer only when the model is loaded.
        timeouts: { connect: Math.min(limit, 10_000), firstByte: limit, silence: limit },
        signal: aborted.signal,
      });
      status = answer.status;
      answer.cancel();
    } catch {
      throw failed("the wake call was not answered");
    }
    if (status < 200 || status > 299) throw failed(`the wake call was answered with status ${status}`);
  };
  return {
    done: call(),
    async end() {
      aborted.abort();
    },
  };
}
