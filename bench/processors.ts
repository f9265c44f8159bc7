import { availableParallelism } from "node:os";

/**
 * Keeps this process, and what it starts, off the last processor. Where that is not possible, nothing changes.
 *
 * @returns the command through which attackers run, so that they take no time of anything else: on the last processor
 */
export function separateAttackers(): readonly string[] {
  const last = availableParallelism() - 1;
  if (last < 1 || process.platform !== "linux") return ["nice", "-n", "19"];
  const others = last === 1 ? "0" : `0-${last - 1}`;
  const kept = Bun.spawnSync(["taskset", "-apc", others, String(process.pid)], {
    stdout: "ignore",
    stderr: "ignore",
  });
  return kept.success ? ["taskset", "-c", String(last), "nice", "-n", "19"] : ["nice", "-n", "19"];
}
