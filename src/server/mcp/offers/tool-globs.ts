/** Rules on the names of tools: exact names, or patterns in which `*` stands for any characters. */
export interface ToolRules {
  /** If given, only these are offered. */
  allow?: readonly string[] | undefined;
  /** These are not offered. */
  deny?: readonly string[] | undefined;
}

/** Returns true if rules let a tool through, by the name that its server gives it. */
export function isAllowed(name: string, { allow, deny }: ToolRules = {}): boolean {
  if (deny?.some((pattern) => matches(name, pattern))) return false;
  return allow === undefined || allow.some((pattern) => matches(name, pattern));
}

/** Matches without a regular expression, so that no pattern takes more than linear time for each `*`. */
function matches(name: string, pattern: string): boolean {
  const [first = "", ...rest] = pattern.split("*");
  if (rest.length === 0) return name === pattern;
  if (!name.startsWith(first)) return false;
  const last = rest.pop()!;
  let from = first.length;
  for (const part of rest) {
    const at = name.indexOf(part, from);
    if (at === -1) return false;
    from = at + part.length;
  }
  return name.length - last.length >= from && name.endsWith(last);
}
