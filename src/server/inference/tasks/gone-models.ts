import { bareName } from "../../../kinds/aliases.ts";
import type { RowChange } from "../../core/catalogue/catalogue.ts";
import { isVirtual } from "../../core/store/typed-rows.ts";
import type { Row } from "../../core/store/types.ts";

/**
 * The names by which llms were called that somebody has deleted or changed since the server started. Tasks for them do
 * not wait: nobody will answer. The llms of workstations are not among them, because they come back.
 */
export class GoneModels {
  readonly #names = new Set<string>();

  /** Takes note of changes. Returns true if a name is gone. */
  note(changes: readonly RowChange[]): boolean {
    let isGone = false;
    for (const { kind, before, after } of changes) {
      if (kind !== "llm") continue;
      const kept = new Set(after && namesOf(after));
      for (const name of kept) this.#names.delete(name);
      if (!before || isVirtual(before)) continue;
      for (const name of namesOf(before)) {
        if (kept.has(name)) continue;
        this.#names.add(name);
        isGone = true;
      }
    }
    return isGone;
  }

  /** True if an llm of this name is gone. Another one may have taken its place. */
  has(model: string): boolean {
    const name = bareName(model);
    if (this.#names.has(name)) return true;
    for (const one of this.#names) if (one.endsWith("*") && name.startsWith(one.slice(0, -1))) return true;
    return false;
  }
}

function namesOf({ name, spec }: Row): string[] {
  const { poolName, aliases } = spec as { poolName?: unknown; aliases?: unknown };
  const others = [poolName, ...(Array.isArray(aliases) ? aliases : [])];
  return [name, ...others.filter((one) => typeof one === "string")];
}
