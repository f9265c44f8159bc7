/** The text that replaces a credential. */
export const masked = "********";

// Keys of free-form data whose value is a credential. `keys`, `tokens` (a count) and `maxTokens` are none.
const secretKey =
  /(^|[-_.])(api[-_]?key|access[-_]?key|private[-_]?key|secret|token|password|passwd|authorization|credentials?|cookie|bearer)$/;

// The forms of credentials of known services, and a password in a URL.
const secretForms = [
  /\b(sk|pk|rk)-[A-Za-z0-9_-]{16,}/,
  /\bmcpctl_(pat|ses|acc|ref|cod)_[A-Za-z0-9]{16,}/,
  /\b(ghp|gho|ghs|ghu|github_pat|glpat|xox[abprs]|hf|hvs|hvb|s)[-_.][A-Za-z0-9_.-]{20,}/,
  /\bAIza[A-Za-z0-9_-]{30,}/,
  /\bAKIA[A-Z0-9]{16}\b/,
  /\beyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}/,
  /\b(Bearer|Basic)\s+[A-Za-z0-9._~+/=-]{12,}/i,
  /-----BEGIN [A-Z ]*PRIVATE KEY-----/,
  /^[a-z][a-z0-9+.-]*:\/\/[^/\s:@]*:[^/\s@]+@/i,
];

/** True if a text has the form of a credential. */
function looksSecret(text: string): boolean {
  return secretForms.some((form) => form.test(text));
}

/** True if a key names a credential: `apiKey`, `x-api-key`, `Authorization`, `db_password`. */
function namesSecret(key: string): boolean {
  return secretKey.test(key.replace(/([a-z0-9])([A-Z])/g, "$1-$2").toLowerCase());
}

/** A copy with every value masked that is a credential by its key or by its form. */
export function mask(value: unknown, key = ""): unknown {
  if (typeof value === "string")
    return value !== "" && (namesSecret(key) || looksSecret(value)) ? masked : value;
  if (typeof value === "number") return namesSecret(key) ? masked : value;
  if (Array.isArray(value)) return value.map((element) => mask(element, key));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, mask(inner, name)]));
}
