import { createHash } from "node:crypto";
import type { CallIdForm } from "../quirks/types.ts";

/**
 * Names of tools and ids of their calls in a form that every provider takes (case 42). A name that does not fit is
 * changed by a rule that depends on the name alone, so that it is the same in tools, choice and history, and the same in
 * the next request: prompt caches depend on that.
 */

/** The most characters of a tool's name at OpenAI. */
const longestName = 64;
const markLength = 8;

/** Returns a tool's name in a form that every provider takes. */
export function fittingName(name: string): string {
  return fitting(name, longestName);
}

/** Returns the id of a tool call in the form that a provider takes: the same id always gets the same form. */
export function fittingId(id: string, { longest, isExact }: CallIdForm): string {
  if (!isExact) return fitting(id, longest);
  if (id.length === longest && /^[a-zA-Z0-9]+$/.test(id)) return id;
  return createHash("sha256").update(id).digest("hex").slice(0, longest);
}

/**
 * Returns a function that turns a provider's name for a tool back into the caller's name.
 *
 * @param names The caller's names of its tools. Names that are not strings were refused before.
 */
export function callerNames(names: readonly unknown[]): (name: string) => string {
  const own = new Map<string, string>();
  for (const name of names) if (typeof name === "string") own.set(fittingName(name), name);
  return (name) => own.get(name) ?? own.get(bareName(name)) ?? name;
}

/**
 * Returns a tool's name without what models write around it: the name of a group that chat templates show them, and
 * tokens of the template (case 173).
 */
export function bareName(name: string): string {
  return name
    .replace(/<\|.*$/s, "")
    .replace(/^(?:functions?|tools?|default_api)[.:]/, "")
    .trim();
}

function fitting(text: string, longest: number): string {
  if (text.length <= longest && !/[^a-zA-Z0-9_-]/.test(text)) return text;
  const plain = text.replace(/[^a-zA-Z0-9_-]/g, "_");
  // Two names that differ only in the changed characters must stay different.
  const mark = createHash("sha256").update(text).digest("hex").slice(0, markLength);
  return `${plain.slice(0, longest - markLength - 1)}_${mark}`;
}
