import { availableParallelism } from "node:os";
import { AppError } from "../../errors.ts";

const most = 64;
/** With fewer cores, the main thread answers everything: a worker would only take its time. */
const leastCores = 4;

/**
 * Returns the number of worker threads that `--workers` asks for: 0 for 1, which is the main thread alone.
 *
 * @param isPlain true if Bun reads the requests
 * @throws AppError `usage`
 */
export function workerCount(
  text: string | undefined,
  isPlain: boolean,
  { cores = availableParallelism(), platform = process.platform as string } = {},
): number {
  if (text === undefined || text === "1" || text === "") return 0;
  if (text === "auto")
    return isPlain || platform !== "linux" || cores < leastCores ? 0 : Math.min(most, cores - 1);
  const count = /^\d{1,4}$/.test(text) ? Number(text) : 0;
  if (count < 1 || count > most)
    throw new AppError("usage", `--workers: "${text}" is not auto or a number from 1 to ${most}`, {
      hint: "auto takes all cores but one on a machine with 4 or more",
    });
  if (platform !== "linux")
    throw new AppError("usage", `--workers: threads can share a socket on Linux only, not on ${platform}`);
  if (isPlain)
    throw new AppError("usage", "--workers: cannot be used together with --plain-listener", {
      hint: "workers read requests by mcpctl's own code",
    });
  return count;
}
