import { inScope } from "../../core/catalogue/scopes.ts";
import type { Snapshot } from "../../core/store/snapshot.ts";
import type { PersonaRow } from "../../core/store/typed-rows.ts";

/** The most characters of a persona's prompts in a call. Those of the lowest priority are left out. */
const maxPrompts = 100_000;

/** Returns the system prompt of a persona, and behind it its own prompts: the highest priority first, then by name. */
export function systemPromptOf(snapshot: Snapshot, { name, spec: { systemPrompt } }: PersonaRow): string {
  const prompts = inScope(snapshot, "prompt", `agent:${name}`);
  if (prompts.length === 0) return systemPrompt;
  let left = maxPrompts;
  const given = prompts
    .toSorted((a, b) => b.spec.priority - a.spec.priority)
    .map(({ spec }) => spec.content)
    .filter((content) => {
      if (content.length > left) return false;
      left -= content.length;
      return true;
    });
  return [systemPrompt, ...given].filter((text) => text !== "").join("\n\n");
}
