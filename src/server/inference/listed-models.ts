import { makersPrefix, stemOf } from "../../kinds/aliases.ts";
import type { Capabilities } from "../../kinds/llm-settings.ts";
import type { ListedModel } from "../../wire/dialects/types.ts";
import type { Principal } from "../core/access/policy.ts";
import { capabilitiesOf } from "../core/capabilities.ts";
import type { Snapshot } from "../core/store/snapshot.ts";
import type { LlmRow } from "../core/store/typed-rows.ts";
import { personaModel, runnablePersonas } from "./personas/persona.ts";
import { poolOf, runnable } from "./pools/resolve.ts";

/**
 * Returns the models that a principal may run, by the names that calls use: llms, pools, aliases of llms and personas.
 * Patterns of aliases are not in it. A name that several of them have is listed once.
 */
export function listedModels(snapshot: Snapshot, principal: Principal): ListedModel[] {
  const llms = runnable(snapshot, principal);
  const pools = Map.groupBy(llms, poolOf);
  const byId = new Map<string, ListedModel>();
  // All members of a pool have those of the pool: worked out for each of them, thousands would take minutes (T241).
  const known = new Map<readonly LlmRow[], Capabilities>();
  const capabilitiesOfMembers = (members: readonly LlmRow[]) => {
    const capabilities = known.get(members) ?? capabilitiesOfAll(snapshot, members);
    known.set(members, capabilities);
    return capabilities;
  };
  const add = (id: string, members: readonly LlmRow[], createdAt?: number) => {
    const [first] = members;
    if (!first || byId.has(id)) return;
    byId.set(id, {
      id,
      createdAt:
        createdAt ?? members.reduce((least, member) => Math.min(least, member.createdAt), first.createdAt),
      ownedBy: first.spec.type,
      capabilities: capabilitiesOfMembers(members),
    });
  };
  for (const llm of llms) add(llm.name, pools.get(poolOf(llm))!, llm.createdAt);
  for (const [pool, members] of pools) add(pool, members);
  const poolsOfAlias = new Map<string, Set<string>>();
  for (const llm of llms)
    for (const alias of llm.spec.aliases ?? [])
      if (stemOf(alias) === undefined)
        poolsOfAlias.set(alias, (poolsOfAlias.get(alias) ?? new Set()).add(poolOf(llm)));
  for (const [alias, names] of poolsOfAlias) {
    const members = [...names].map((name) => pools.get(name)!);
    add(alias, members.length === 1 ? members[0]! : members.flat());
  }
  for (const persona of runnablePersonas(snapshot, principal)) {
    const llm = snapshot.named("llm", persona.spec.llm);
    byId.set(personaModel(persona), {
      id: personaModel(persona),
      createdAt: persona.createdAt,
      ownedBy: persona.kind,
      capabilities: llm ? capabilitiesOf(snapshot, llm) : {},
    });
  }
  return [...byId.values()];
}

/**
 * Adds the models once more with `anthropic/` before their names, for the picker of Claude Code. Names that it shows
 * anyway are not repeated.
 */
export function withMakersNames(models: readonly ListedModel[]): ListedModel[] {
  const shown = /^(?:claude|anthropic)/;
  return [...models, ...models.filter(({ id }) => !shown.test(id)).map(withMakersName)];
}

/** Returns a model with `anthropic/` before its name. */
export function withMakersName(model: ListedModel): ListedModel {
  return { ...model, id: makersPrefix + model.id, displayName: model.id };
}

/**
 * Returns the capabilities that at least one of some llms has: a call that one of them cannot answer goes to another.
 * A capability that is unknown for one of them is left out.
 */
function capabilitiesOfAll(snapshot: Snapshot, llms: readonly LlmRow[]): Capabilities {
  const all = llms.map((llm) => capabilitiesOf(snapshot, llm));
  const [first, ...others] = all as [Capabilities, ...Capabilities[]];
  if (others.length === 0) return first;
  const largest = (name: "contextTokens" | "maxOutputTokens") => {
    const known = all.map((one) => one[name]).filter((value) => value !== undefined);
    return known.length > 0 ? { [name]: Math.max(...known) } : {};
  };
  const any = (name: "vision" | "tools" | "reasoning") => {
    if (all.some((one) => one[name])) return { [name]: true };
    return all.every((one) => one[name] === false) ? { [name]: false } : {};
  };
  return {
    ...largest("contextTokens"),
    ...largest("maxOutputTokens"),
    ...any("vision"),
    ...any("tools"),
    ...any("reasoning"),
  };
}
