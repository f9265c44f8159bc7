import { chat } from "./chat.ts";
import { codexModel } from "./codex-models.ts";
import { messages } from "./messages.ts";
import { responses } from "./responses.ts";
import type { Dialect, DialectWire, ListedModel } from "./types.ts";

/** Every dialect, and the rules of its wire. */
export const dialects: Readonly<Record<Dialect, DialectWire>> = { chat, messages, responses };

/**
 * Returns a list of models in the shapes of all dialects at once: each client reads the fields that it knows.
 *
 * @param forCodex True to add the list that Codex reads, which is long.
 */
export function modelList(models: readonly ListedModel[], forCodex = false): object {
  const entries = models.map(modelEntry);
  return {
    ...merged((dialect) => dialect.modelList(entries)),
    ...(forCodex && { models: models.map(codexModel) }),
  };
}

/** Returns one entry of a list of models, in the shapes of all dialects at once. */
export function modelEntry(model: ListedModel): { id: string } {
  return { id: model.id, ...merged((dialect) => dialect.modelEntry(model)) };
}

function merged(partOf: (dialect: DialectWire) => object): object {
  return Object.assign({}, ...Object.values(dialects).map(partOf));
}
