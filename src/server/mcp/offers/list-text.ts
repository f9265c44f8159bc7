import { oncePerObject } from "../../core/once-per-object.ts";
import type { PartWord } from "../content/kept-results.ts";
import { withPartArguments } from "../content/part-request.ts";
import { aboutPrompt, type GatePrompt } from "../gate/gate-prompts.ts";
import { closedListText, gateToolsText } from "../gate/gate-tools.ts";
import type { Offer } from "./offer.ts";

/** The lists of a project. */
export type ListName = "tools" | "prompts" | "resources" | "resourceTemplates";

/** The lists of an offer as JSON. An offer does not change, so each is written once. */
const textsOf = oncePerObject((offer: Offer) => {
  const list = (name: ListName) =>
    [...offer[name].values()].map(({ definition }) => JSON.stringify(definition));
  const tools = offer.cuts ? toolsWithParts(offer, offer.cuts) : list("tools");
  return {
    tools: joined(offer.hasGate ? [gateToolsText, ...tools] : tools),
    prompts: joined([...[...offer.ownPrompts].map(ownPrompt), ...list("prompts")]),
    resources: joined(list("resources")),
    resourceTemplates: joined(list("resourceTemplates")),
    closed: closedListText([...offer.tools.keys()]),
  };
});

/** Returns the entries of a list of a project as JSON. */
export function listText(offer: Offer, name: ListName): string {
  return textsOf(offer)[name];
}

/** Returns the tools that a project shows while its gate is closed, as JSON. */
export function closedText(offer: Offer): string {
  return textsOf(offer).closed;
}

/** Returns the tools with the arguments by which parts of their results are asked for. */
function toolsWithParts({ tools }: Offer, word: PartWord): string[] {
  return [...tools.values()].map(({ definition }) =>
    JSON.stringify({ ...definition, inputSchema: withPartArguments(definition["inputSchema"], word) }),
  );
}

function joined(entries: readonly string[]): string {
  return `[${entries.join(",")}]`;
}

function ownPrompt([name, prompt]: [string, GatePrompt]): string {
  const description = aboutPrompt(prompt);
  return JSON.stringify({ name, ...(description !== "" && { description }) });
}
