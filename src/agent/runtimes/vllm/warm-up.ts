import { describeExit } from "../../../processes/process-group.ts";
import type { Engine, VllmSetup } from "./engine.ts";
import { withReason } from "./failures.ts";
import type { StartProgress } from "./phases.ts";
import { type Readiness, waitUntilReady } from "./readiness.ts";

/**
 * Sees a vLLM that was just started through until it answers, or is known not to.
 *
 * @param progress is told what it writes
 */
export function warmUp(
  { api, group, output }: Engine,
  { config, timeouts, warmupSeconds }: VllmSetup,
  progress: StartProgress,
  signal: AbortSignal,
): Promise<Readiness> {
  return waitUntilReady({
    ...{
      api,
      model: config.model,
      exited: group.exited,
      signal,
      seconds: warmupSeconds,
      poll: timeouts.poll,
    },
    onLook() {
      for (const line of output.newLines()) progress.read(line);
    },
  });
}

/** What callers are told of a start that has not come to its end. */
export async function whyNotReady(
  how: Exclude<Readiness, "ready" | "stopped">,
  { group, output }: Engine,
  { warmupSeconds }: VllmSetup,
): Promise<string> {
  if (how === "late") return `vLLM was not ready within ${warmupSeconds} s`;
  if (how === "stranger") return "another server answers on the port of this vLLM";
  return withReason(`vLLM ended with ${describeExit(await group.exited)} while it was starting`, output);
}
