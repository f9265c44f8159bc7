import { describeExit } from "../../../processes/process-group.ts";
import type { Engine, VllmSetup } from "./engine.ts";
import { withReason } from "./failures.ts";
import type { StartProgress } from "./phases.ts";
import { type Readiness, waitUntilReady } from "./readiness.ts";

/**
 * Waits until a vLLM that was just started is ready, or cannot become ready.
 *
 * @param progress reads its output
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
    onCheck() {
      for (const line of output.newLines()) progress.read(line);
    },
  });
}

/** Returns the message for callers about a start that has failed. */
export async function whyNotReady(
  how: Exclude<Readiness, "ready" | "stopped">,
  { group, output }: Engine,
  { warmupSeconds }: VllmSetup,
): Promise<string> {
  if (how === "late") return `vLLM was not ready within ${warmupSeconds} s`;
  if (how === "stranger") return "another server has the port of this vLLM";
  return withReason(`vLLM ended with ${describeExit(await group.exited)} while it was starting`, output);
}
