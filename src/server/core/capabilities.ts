import { knownCapabilities } from "../../adapters/known-models.ts";
import { capabilitiesIn } from "../../adapters/model-facts.ts";
import type { Capabilities } from "../../kinds/llm-settings.ts";
import { oncePerObject } from "./once-per-object.ts";
import type { Snapshot } from "./store/snapshot.ts";
import type { LlmRow } from "./store/typed-rows.ts";

/** Capabilities of an llm that were put together from what its provider had told. */
interface MergedCapabilities {
  told: Capabilities;
  merged: Capabilities;
}

/** The parts of an llm's capabilities that do not change while its row stands. */
const standing = oncePerObject((llm: LlmRow) => ({
  /** The report of its workstation agent. */
  reported: capabilitiesIn(llm.status.capabilities),
  known: knownCapabilities(llm.spec.model),
  last: undefined as MergedCapabilities | undefined,
}));

/** Returns what the provider of an llm, or its workstation agent, tells about the model. */
export function reportedCapabilities({ volatile }: Snapshot, llm: LlmRow): Capabilities {
  return volatile.capabilities.get(llm.id)?.capabilities ?? standing(llm).reported;
}

/**
 * Returns what an llm can do, as far as it is known: the llm's own settings hold over what its provider or agent tells,
 * and that over the built-in table.
 */
export function capabilitiesOf(snapshot: Snapshot, llm: LlmRow): Capabilities {
  const facts = standing(llm);
  const told = reportedCapabilities(snapshot, llm);
  if (facts.last?.told !== told)
    facts.last = { told, merged: { ...facts.known, ...told, ...llm.spec.capabilities } };
  return facts.last.merged;
}

/** Returns the capabilities that a read of an llm shows: its own and those that are told; undefined for none. */
export function shownCapabilities(snapshot: Snapshot, llm: LlmRow): Capabilities | undefined {
  const shown = { ...reportedCapabilities(snapshot, llm), ...llm.spec.capabilities };
  return Object.keys(shown).length > 0 ? shown : undefined;
}
