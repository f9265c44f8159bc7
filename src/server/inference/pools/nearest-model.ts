import { AppError } from "../../../errors.ts";
import { bareName, stemOf } from "../../../kinds/aliases.ts";
import { didYouMean } from "../../../kinds/names.ts";
import { isVisible, type Principal } from "../../core/access/policy.ts";
import { oncePerObject } from "../../core/once-per-object.ts";
import type { Snapshot } from "../../core/store/snapshot.ts";
import type { LlmRow } from "../../core/store/typed-rows.ts";
import { mayRun, poolOf, resolve } from "./resolve.ts";

/** The most llms whose names a mistyped one is compared with: a caller may mistype in every call. */
const mostCompared = 1000;
/** The most llms of which is asked if the caller may run them. */
const mostAsked = 10_000;

/** The most names whose llms are remembered for a principal, and the longest: patterns take names without end. */
const mostRemembered = 1000;
const longestRemembered = 200;

/** The names that principals have called in a snapshot, with the llms that answer. */
const resolvedIn = oncePerObject((_: Snapshot) =>
  oncePerObject((_: Principal) => new Map<string, readonly LlmRow[]>()),
);

/**
 * Returns the llms that answer calls of a model, as `resolve` does. The error for a mistyped name has the nearest one that
 * the principal may run; it depends on nothing else (T118).
 */
export function resolveNamed(snapshot: Snapshot, principal: Principal, name: string): readonly LlmRow[] {
  const known = resolvedIn(snapshot)(principal);
  const found = known.get(name);
  if (found) return found;
  try {
    const llms = resolve(snapshot, principal, name);
    if (known.size >= mostRemembered) known.clear();
    if (name.length <= longestRemembered) known.set(name, llms);
    return llms;
  } catch (error) {
    const isMissing = error instanceof AppError && ["not_found", "forbidden"].includes(error.code);
    const hint = isMissing ? nearestModel(snapshot, principal, name) : undefined;
    if (hint === undefined) throw error;
    const { code, message } = error as AppError;
    throw new AppError(code, message, { hint, cause: error });
  }
}

/** Returns the question `did you mean "gpt"?` for a mistyped name; undefined for one that the principal can see. */
export function nearestModel(snapshot: Snapshot, principal: Principal, name: string): string | undefined {
  const bare = bareName(name);
  const named = snapshot.named("llm", bare);
  if (named && isVisible(principal, "llms", named)) return undefined;
  const llms = snapshot
    .table("llm")
    .sorted.slice(0, mostAsked)
    .filter((llm) => mayRun(principal, llm))
    .slice(0, mostCompared);
  const names = llms.flatMap((llm) => [llm.name, poolOf(llm), ...(llm.spec.aliases ?? [])]);
  return didYouMean(
    bare,
    names.filter((one) => stemOf(one) === undefined),
  );
}
