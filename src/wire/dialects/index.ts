import { chat } from "./chat.ts";
import { messages } from "./messages.ts";
import { responses } from "./responses.ts";
import type { Dialect, DialectWire, ListedModel } from "./types.ts";

/** Every dialect, and the rules of its wire. */
export const dialects: Readonly<Record<Dialect, DialectWire>> = { chat, messages, responses };

/**
 * Returns the fields around a list of models in the shapes of all dialects at once: each client reads those that it knows.
 * The list itself is `data`.
 */
export function modelListFields(models: readonly { id: string }[]): object {
  return merged((dialect) => dialect.modelListFields?.(models) ?? {});
}

/** Returns one entry of a list of models, in the shapes of all dialects at once. */
export function modelEntry(model: ListedModel): { id: string } {
  return { id: model.id, ...merged((dialect) => dialect.modelEntry(model)) };
}

function merged(partOf: (dialect: DialectWire) => object): object {
  return Object.assign({}, ...Object.values(dialects).map(partOf));
}
