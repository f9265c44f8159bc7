/** What stands in the place of a credential. */
export const masked = "********";

// A key of free-form data that holds one. `keys`, `tokens` (a count) and `maxTokens` do not.
const telling =
  /(^|[-_.])(api[-_]?key|access[-_]?key|private[-_]?key|secret|token|password|passwd|authorization|credentials?|cookie|bearer)$/;

// How the credentials of known makers begin, and what a URL carries before its host.
const shapes = [
  /\b(sk|pk|rk)-[A-Za-z0-9_-]{16,}/,
  /\bmcpctl_(pat|ses)_[A-Za-z0-9]{16,}/,
  /\b(ghp|gho|ghs|ghu|github_pat|glpat|xox[abprs]|hf|hvs|hvb|s)[-_.][A-Za-z0-9_.-]{20,}/,
  /\bAIza[A-Za-z0-9_-]{30,}/,
  /\bAKIA[A-Z0-9]{16}\b/,
  /\beyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}/,
  /\b(Bearer|Basic)\s+[A-Za-z0-9._~+/=-]{12,}/i,
  /-----BEGIN [A-Z ]*PRIVATE KEY-----/,
  /^[a-z][a-z0-9+.-]*:\/\/[^/\s:@]*:[^/\s@]+@/i,
];

/** Whether a text looks like a credential by itself. */
function looksSecret(text: string): boolean {
  return shapes.some((shape) => shape.test(text));
}

/** Whether what is called so is a credential: `apiKey`, `x-api-key`, `Authorization`, `db_password`. */
function tellsSecret(key: string): boolean {
  return telling.test(key.replace(/([a-z0-9])([A-Z])/g, "$1-$2").toLowerCase());
}

/** A copy in which everything that looks like a credential, by its key or by itself, is masked. */
export function mask(value: unknown, key = ""): unknown {
  if (typeof value === "string")
    return value !== "" && (tellsSecret(key) || looksSecret(value)) ? masked : value;
  if (typeof value === "number") return tellsSecret(key) ? masked : value;
  if (Array.isArray(value)) return value.map((element) => mask(element, key));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, mask(inner, name)]));
}
