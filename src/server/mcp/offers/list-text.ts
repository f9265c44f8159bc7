import { oncePerObject } from "../../core/once-per-object.ts";
import type { Offer, Offered } from "./offer.ts";

/** The lists of a project. */
export type ListName = "tools" | "prompts" | "resources" | "resourceTemplates";

/** The entries of a list as JSON. A list does not change, so it is written once. */
const entriesOf = oncePerObject((list: ReadonlyMap<string, Offered>) => ({
  text: JSON.stringify([...list.values()].map(({ definition }) => definition)),
}));

/** Returns the entries of a list of a project as JSON. */
export function listText(offer: Offer, name: ListName): string {
  return entriesOf(offer[name]).text;
}
