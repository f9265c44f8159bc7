import { aliasPattern, bareName, maxAliasLength, stemOf } from "../../../kinds/aliases.ts";
import { oncePerObject } from "../../core/once-per-object.ts";
import type { Snapshot } from "../../core/store/snapshot.ts";
import type { LlmRow } from "../../core/store/typed-rows.ts";

/** Aliases of all llms, for a lookup by the name that a call uses. */
interface AliasIndex {
  exact: ReadonlyMap<string, LlmRow[]>;
  /** By the text before the `*`. */
  patterns: ReadonlyMap<string, LlmRow[]>;
  /** The lengths of these texts, longest first. */
  lengths: readonly number[];
}

const indexOf = oncePerObject((llms: readonly LlmRow[]): AliasIndex => {
  const exact = new Map<string, LlmRow[]>();
  const patterns = new Map<string, LlmRow[]>();
  for (const llm of llms)
    for (const alias of llm.spec.aliases ?? []) {
      const stem = stemOf(alias);
      const [index, key] = stem === undefined ? [exact, bareName(alias)] : [patterns, stem];
      const carriers = index.get(key);
      if (carriers) carriers.push(llm);
      else index.set(key, [llm]);
    }
  const lengths = [...new Set([...patterns.keys()].map(({ length }) => length))].sort((a, b) => b - a);
  return { exact, patterns, lengths };
});

const none: readonly LlmRow[] = [];
const form = new RegExp(aliasPattern);

/** Returns the llms that have a name as an alias. All names here are without `anthropic/`. */
export function withAlias(snapshot: Snapshot, name: string): readonly LlmRow[] {
  return indexOf(snapshot.table("llm").sorted).exact.get(name) ?? none;
}

/** Returns the llms with a pattern that fits a name, by pattern, the longest pattern first. */
export function* withPattern(snapshot: Snapshot, name: string): Generator<readonly LlmRow[]> {
  const { patterns, lengths } = indexOf(snapshot.table("llm").sorted);
  // The name goes into the audit log. Names that no alias can have fit no pattern.
  if (lengths.length === 0 || name.length > maxAliasLength || !form.test(name)) return;
  for (const length of lengths) {
    const carriers = length <= name.length ? patterns.get(name.slice(0, length)) : undefined;
    if (carriers) yield carriers;
  }
}

/** Returns true if a name is an alias of an llm, or fits a pattern of it. */
export function isAliasOf({ spec: { aliases = [] } }: LlmRow, name: string): boolean {
  const bare = bareName(name);
  return aliases.some((alias) => {
    const stem = stemOf(alias);
    return stem === undefined ? bareName(alias) === bare : bare.startsWith(stem);
  });
}
