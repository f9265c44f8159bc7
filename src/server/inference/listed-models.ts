import { bareName, makersPrefix, stemOf } from "../../kinds/aliases.ts";
import type { Capabilities } from "../../kinds/llm-settings.ts";
import type { ListedModel } from "../../wire/dialects/types.ts";
import { eachInTurns, TurnPace } from "../../wire/next-turn.ts";
import type { Principal } from "../core/access/policy.ts";
import { capabilitiesOf } from "../core/capabilities.ts";
import type { Snapshot } from "../core/store/snapshot.ts";
import type { LlmRow, PersonaRow } from "../core/store/typed-rows.ts";
import { mayRunPersona, personaInModel, personaModel } from "./personas/persona.ts";
import { withAlias } from "./pools/aliases.ts";
import { mayRun, poolNamed, poolOf } from "./pools/resolve.ts";

/**
 * Returns the models that a principal may run, by the names that calls use: llms, pools, aliases of llms and personas.
 * Patterns of aliases are not in it. A name that several of them have is listed once. Many take several turns of the event
 * loop.
 */
export async function listedModels(snapshot: Snapshot, principal: Principal): Promise<ListedModel[]> {
  const pace = new TurnPace();
  const llms: LlmRow[] = [];
  const pools = new Map<string, LlmRow[]>();
  const poolsOfAlias = new Map<string, Set<string>>();
  await eachInTurns(
    snapshot.table("llm").sorted,
    (llm) => {
      if (!mayRun(principal, llm)) return;
      llms.push(llm);
      const pool = pools.get(poolOf(llm));
      if (pool) pool.push(llm);
      else pools.set(poolOf(llm), [llm]);
      for (const alias of llm.spec.aliases ?? [])
        if (stemOf(alias) === undefined)
          poolsOfAlias.set(alias, (poolsOfAlias.get(alias) ?? new Set()).add(poolOf(llm)));
    },
    pace,
  );
  const byId = new Map<string, ListedModel>();
  // All members of a pool have those of the pool: worked out for each of them, thousands would take minutes (T241).
  const known = new Map<readonly LlmRow[], Capabilities>();
  const add = (id: string, members: readonly LlmRow[], createdAt?: number) => {
    if (byId.has(id)) return;
    const capabilities = known.get(members) ?? capabilitiesOfAll(snapshot, members);
    known.set(members, capabilities);
    byId.set(id, entryOf(id, members, capabilities, createdAt));
  };
  await eachInTurns(llms, (llm) => add(llm.name, pools.get(poolOf(llm))!, llm.createdAt), pace);
  await eachInTurns(pools, ([pool, members]) => add(pool, members), pace);
  await eachInTurns(
    poolsOfAlias,
    ([alias, names]) => {
      const members = [...names].map((name) => pools.get(name)!);
      add(alias, members.length === 1 ? members[0]! : members.flat());
    },
    pace,
  );
  await eachInTurns(
    snapshot.table("agent").sorted,
    (persona) => {
      if (mayRunPersona(principal, persona)) byId.set(personaModel(persona), personaEntry(snapshot, persona));
    },
    pace,
  );
  return [...byId.values()];
}

/** Returns one of those models by its id; undefined if it is not among them. */
export function listedModel(snapshot: Snapshot, principal: Principal, id: string): ListedModel | undefined {
  const name = personaInModel(id);
  const persona = name === undefined ? undefined : snapshot.named("agent", name);
  if (persona && personaModel(persona) === id)
    return mayRunPersona(principal, persona) ? personaEntry(snapshot, persona) : undefined;
  const mayCall = (llm: LlmRow) => mayRun(principal, llm);
  const llm = snapshot.named("llm", id);
  const isLlm = llm !== undefined && mayCall(llm);
  const pool = poolNamed(snapshot, isLlm ? poolOf(llm) : id).filter(mayCall);
  const carriers = () => withAlias(snapshot, bareName(id)).filter((one) => one.spec.aliases?.includes(id));
  const members =
    isLlm || pool.length > 0
      ? pool
      : Array.from(new Set(carriers().filter(mayCall).map(poolOf)), (one) =>
          poolNamed(snapshot, one).filter(mayCall),
        ).flat();
  if (members.length === 0) return undefined;
  return entryOf(id, members, capabilitiesOfAll(snapshot, members), isLlm ? llm.createdAt : undefined);
}

/** @param createdAt that of the oldest member if left out */
function entryOf(
  id: string,
  members: readonly LlmRow[],
  capabilities: Capabilities,
  createdAt = members.reduce((least, member) => Math.min(least, member.createdAt), members[0]!.createdAt),
): ListedModel {
  return { id, createdAt, ownedBy: members[0]!.spec.type, capabilities };
}

function personaEntry(snapshot: Snapshot, persona: PersonaRow): ListedModel {
  const llm = snapshot.named("llm", persona.spec.llm);
  return {
    id: personaModel(persona),
    createdAt: persona.createdAt,
    ownedBy: persona.kind,
    capabilities: llm ? capabilitiesOf(snapshot, llm) : {},
  };
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
