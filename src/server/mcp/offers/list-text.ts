import { oncePerObject } from "../../core/once-per-object.ts";
import { aboutPrompt, type GatePrompt } from "../gate/gate-prompts.ts";
import { gateToolsText } from "../gate/gate-tools.ts";
import type { Offer } from "./offer.ts";

/** The lists of a project. */
export type ListName = "tools" | "prompts" | "resources" | "resourceTemplates";

/** The lists of an offer as JSON. An offer does not change, so each is written once. */
const textsOf = oncePerObject((offer: Offer) => {
  const list = (name: ListName) =>
    [...offer[name].values()].map(({ definition }) => JSON.stringify(definition));
  return {
    tools: joined(offer.hasGate ? [gateToolsText, ...list("tools")] : list("tools")),
    prompts: joined([...[...offer.ownPrompts].map(ownPrompt), ...list("prompts")]),
    resources: joined(list("resources")),
    resourceTemplates: joined(list("resourceTemplates")),
  };
});

/** Returns the entries of a list of a project as JSON. */
export function listText(offer: Offer, name: ListName): string {
  return textsOf(offer)[name];
}

function joined(entries: readonly string[]): string {
  return `[${entries.join(",")}]`;
}

function ownPrompt([name, prompt]: [string, GatePrompt]): string {
  const description = aboutPrompt(prompt);
  return JSON.stringify({ name, ...(description !== "" && { description }) });
}
