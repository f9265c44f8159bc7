import { AppError } from "../errors.ts";

/** The most choices, blocks, calls and citations of an answer that is converted. Models make few of them. */
const maxParts = 2000;

/** Fields that are not looked into: probabilities of tokens, arguments of tools, and what an answer repeats of its request. */
const leaves: ReadonlySet<string> = new Set([
  ...["logprobs", "arguments", "input", "tools", "parameters", "schema", "text", "instructions"],
]);

/**
 * Refuses an answer, or an event of one, that has so many parts that to convert it would take long in one turn of the
 * event loop (T259).
 *
 * @throws AppError `provider_error`
 */
export function refuseManyParts(answer: unknown): void {
  if (partsOf(answer, maxParts) > maxParts)
    throw new AppError("provider_error", `the provider's response has more than ${maxParts} parts`);
}

/** Returns the elements of all lists in a value; some number above `most` where they are more. */
function partsOf(value: unknown, most: number): number {
  if (typeof value !== "object" || value === null) return 0;
  let parts = 0;
  if (Array.isArray(value)) {
    parts = value.length;
    for (const element of value) {
      if (parts > most) return parts;
      parts += partsOf(element, most - parts);
    }
    return parts;
  }
  for (const key in value) {
    if (leaves.has(key)) continue;
    parts += partsOf((value as Record<string, unknown>)[key], most - parts);
    if (parts > most) return parts;
  }
  return parts;
}
