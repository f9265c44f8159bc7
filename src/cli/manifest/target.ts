import { AppError } from "../../errors.ts";
import type { Kind } from "../../kinds/define.ts";
import { findKind, kindWords } from "../../kinds/index.ts";
import { nearest } from "../../kinds/names.ts";

/** The kind that a word names. Throws AppError `usage` with the nearest one. */
export function kindNamed(word: string): Kind {
  const kind = findKind(word);
  if (kind) return kind;
  const near = nearest(word, kindWords());
  throw new AppError("usage", `unknown kind "${word}"`, {
    hint: near ? `did you mean "${near}"?` : "see them all: mcpctl explain",
  });
}

/**
 * The one object that `llm claude …` or `llm/claude …` names, and the words behind it.
 *
 * @throws AppError `usage` when there is no name
 */
export function targetOf(words: readonly string[]): { kind: Kind; name: string; rest: readonly string[] } {
  const [first = "", ...others] = words;
  const slash = first.indexOf("/");
  if (slash > 0 && slash < first.length - 1)
    return { kind: kindNamed(first.slice(0, slash)), name: first.slice(slash + 1), rest: others };
  const kind = kindNamed(first);
  const [name, ...rest] = others;
  if (name === undefined) throw new AppError("usage", `which ${kind.kind}? NAME is missing`);
  return { kind, name, rest };
}
