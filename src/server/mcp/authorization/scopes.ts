/** Returns scopes of several lists, each once, with spaces between them; undefined for none. */
export function together(...lists: readonly (string | undefined)[]): string | undefined {
  const scopes = new Set(lists.flatMap((list) => (list ?? "").split(" ").filter((one) => one !== "")));
  return scopes.size === 0 ? undefined : [...scopes].join(" ");
}

/** Returns the scopes of a list. */
export function listOf(scope: string | undefined): string[] {
  return (scope ?? "").split(" ").filter((one) => one !== "");
}

export interface WantedScopes {
  /** Those of the server's definition. */
  own: readonly string[] | undefined;
  /** Those that a refused request needed. */
  challenged: string | undefined;
  /** Those that the metadata of the server names. */
  offered: readonly string[] | undefined;
  /** Those that were given before, if calls have needed more. */
  before: string | undefined;
  missing: readonly string[] | undefined;
  /** Those that the authorization server knows. */
  known: readonly string[] | undefined;
}

/**
 * Returns the scopes to ask for (revision 2026-07-28, "Scope Selection Strategy"): those of the definition, else those of
 * the refusal, else those that the server has, and with them those that were given and those that calls needed since.
 * `offline_access` is added where the authorization server has it: without it some give no refresh token.
 */
export function wantedScope({
  own,
  challenged,
  offered,
  before,
  missing,
  known,
}: WantedScopes): string | undefined {
  const isStepUp = missing !== undefined && missing.length > 0;
  const base = own?.join(" ") ?? (isStepUp && before ? before : (challenged ?? offered?.join(" ")));
  const scope = together(base, isStepUp ? missing.join(" ") : undefined);
  return scope !== undefined && known?.includes("offline_access") ? together(scope, "offline_access") : scope;
}
