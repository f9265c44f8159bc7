import { AppError } from "../errors.ts";

/**
 * The header in which each mcpctl program tells the next one the number of programs that a call has passed: servers,
 * agents and the endpoints for local tools. Without it, an llm whose provider leads back to its own server would call
 * itself without end.
 */
export const hopsHeader = "x-mcpctl-hops";

/** The most mcpctl programs that a call passes. */
const maxHops = 8;

/** Returns the number of programs that a call has passed before this one. A value that cannot be read is too large. */
export function hopsIn(header: string | null | undefined): number {
  if (header === null || header === undefined) return 0;
  return /^\d{1,3}$/.test(header) ? Number(header) : Number.POSITIVE_INFINITY;
}

/**
 * Counts this program.
 *
 * @param passed the programs before this one
 * @throws AppError `loop_detected` if the call has passed too many
 */
export function nextHop(passed: number): number {
  if (passed < maxHops) return passed + 1;
  throw new AppError("loop_detected", `the call has passed ${maxHops} mcpctl programs and goes no further`, {
    hint: "the url of an llm, or of an agent's provider, leads back to a server on the way",
  });
}
