import { AppError } from "../../errors.ts";

/** The query that asks the server for a dry run of a write. */
export function dryRunQuery(dryRun: boolean): Record<string, string> {
  return dryRun ? { dryRun: "true" } : {};
}

/** Objects that a dry run would have created, and that the server therefore does not know. */
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
}
