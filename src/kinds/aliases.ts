/**
 * The form of an alias: printable ASCII without spaces, quotes and backslashes. A `*` stands at the end only. What begins
 * with `agent:` names a persona.
 */
export const aliasPattern = "^(?!(?:anthropic/)?agent:|anthropic/\\*?$)(?:[!#-)+-\\[\\]-~]+\\*?|\\*)$";
/** The meaning of the pattern, in words. */
export const aliasRule =
  "must be printable ASCII without spaces, quotes and \\, with * at the end only, and not begin with agent:";

/** The longest alias, and the longest name that a pattern fits, in characters. */
export const maxAliasLength = 200;

/** Claude Code lists only models whose ids begin with `claude` or `anthropic`: every name can have this before it. */
export const makersPrefix = "anthropic/";

/** Returns a name or alias without `anthropic/`, which makes no difference. */
export function bareName(name: string): string {
  return name.startsWith(makersPrefix) ? name.slice(makersPrefix.length) : name;
}

/** Returns the text before the `*` of a pattern, without `anthropic/`; undefined for an alias that is no pattern. */
export function stemOf(alias: string): string | undefined {
  return alias.endsWith("*") ? bareName(alias).slice(0, -1) : undefined;
}

/**
 * Returns true if a pattern fits a name, or everything that another pattern fits. The pattern `*` is for names that
 * nothing else fits, so it claims none.
 */
export function claims(alias: string, wanted: string): boolean {
  const stem = stemOf(alias);
  return stem !== undefined && stem !== "" && (stemOf(wanted) ?? bareName(wanted)).startsWith(stem);
}
