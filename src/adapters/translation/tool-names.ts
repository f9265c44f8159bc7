import { createHash } from "node:crypto";

/**
 * Names of tools and ids of their calls, as every provider takes them (case 42). What does not fit is changed by a
 * rule that depends on nothing else, so that a name is the same in tools, choice and history, and the same in the
 * next request: prompt caches rely on it.
 */

/** The most that OpenAI takes of a tool's name. */
const longestName = 64;
/** The most that OpenAI takes of a tool call's id. */
const longestId = 40;
const markLength = 8;

/** A tool's name as a provider takes it. */
export function fittingName(name: string): string {
  return fitting(name, longestName);
}

/** The id of a tool call as a provider and a caller of the other dialect take it. */
export function fittingId(id: string): string {
  return fitting(id, longestId);
}

/**
 * How to turn a provider's name for a tool back into the caller's.
 *
 * @param names What the caller calls its tools. What is no string among them has been refused before.
 */
export function callerNames(names: readonly unknown[]): (name: string) => string {
  const changed = new Map<string, string>();
  for (const name of names) {
    if (typeof name === "string" && fittingName(name) !== name) changed.set(fittingName(name), name);
  }
  return changed.size === 0 ? asItIs : (name) => changed.get(name) ?? name;
}

const asItIs = (name: string) => name;

function fitting(text: string, longest: number): string {
  if (text.length <= longest && !/[^a-zA-Z0-9_-]/.test(text)) return text;
  const plain = text.replace(/[^a-zA-Z0-9_-]/g, "_");
  // Two that differ only in what was changed must not become one.
  const mark = createHash("sha256").update(text).digest("hex").slice(0, markLength);
  return `${plain.slice(0, longest - markLength - 1)}_${mark}`;
}
