import { reportedCapabilities } from "../capabilities.ts";
import type { LlmRow } from "../store/typed-rows.ts";
import type { Draft } from "./hooks.ts";

/**
 * Keeps of the sent capabilities those that differ from what the provider or the agent tells. A read shows both
 * together: a caller who sends back what was read, with one value changed, sets that value and nothing else.
 */
export function keepOwnCapabilities({ row, before, snapshot, given }: Draft<LlmRow>): void {
  const own = row.spec.capabilities;
  if (!own || !before || !("capabilities" in given)) return;
  const reported: Readonly<Record<string, unknown>> = reportedCapabilities(snapshot, before);
  const kept = Object.entries(own).filter(([name, value]) => reported[name] !== value);
  if (kept.length > 0) row.spec.capabilities = Object.fromEntries(kept);
  else delete row.spec.capabilities;
}
