import { AppError } from "../../errors.ts";

/** The query that asks the server for a dry run of a write. */
export function dryRunQuery(dryRun: boolean): Record<string, string> {
  return dryRun ? { dryRun: "true" } : {};
}

/** Objects that a dry run would have created or deleted; the server does not know that. */
export class PlannedObjects {
  readonly #names = new Set<string>();

  add({ kind, name }: { kind: { kind: string }; name: string }): void {
    this.#names.add(`${kind.kind} "${name}"`);
  }

  /**
   * Returns the planned objects that a refusal is about: `llm "a", secret "b"`. Undefined if the server has found another
   * fault as well, or none of these: then the refusal stands.
   */
  behind(error: unknown): string | undefined {
    if (!(error instanceof AppError) || this.#names.size === 0) return undefined;
    const texts = error.details?.length ? error.details.map(({ message }) => message) : [error.message];
    const found = texts.map((text) => [...this.#names].filter((name) => text.includes(name)));
    if (found.some((names) => names.length === 0)) return undefined;
    return [...new Set(found.flat())].join(", ");
  }

  /** Returns the planned objects that alone stand against a deletion; undefined if anything else does as well. */
  behindDeletion(error: unknown): string | undefined {
    if (!(error instanceof AppError) || error.code !== "still_referenced") return undefined;
    const users = / is still used by (.+)$/.exec(error.message)?.[1];
    const isPlanned = (user: string) => this.#names.has(user.replace(/ of \w+ ".*$/, ""));
    return users?.split(", ").every(isPlanned) ? users : undefined;
  }
}
