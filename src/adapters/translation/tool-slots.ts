import type { ChatToolCallDelta } from "../../wire/dialects/chat.ts";

/** A tool call whose pieces are coming in. */
export interface ToolSlot {
  id: string | undefined;
  name: string;
  arguments: string;
  /** How many characters of `arguments` the caller has. */
  sent: number;
  state: "waiting" | "open" | "closed";
}

/**
 * Finds the tool call that each piece belongs to. Providers differ: OpenAI says the id once and the index always,
 * Ollama has given every parallel call index 0, others repeat the id and the name, or leave out the index.
 */
export class ToolSlots {
  readonly all: ToolSlot[] = [];
  readonly #byIndex = new Map<number, ToolSlot>();

  /** Takes a piece and returns the call it now belongs to. */
  add({ index, id, function: piece }: ChatToolCallDelta): ToolSlot {
    let slot = this.#find(index, id, piece?.name);
    if (!slot) {
      slot = { id: id || undefined, name: "", arguments: "", sent: 0, state: "waiting" };
      this.all.push(slot);
    }
    if (index !== undefined) this.#byIndex.set(index, slot);
    if (piece?.name) slot.name = piece.name;
    const text = piece?.arguments;
    if (typeof text === "string") slot.arguments += text;
    else if (text) slot.arguments += JSON.stringify(text);
    return slot;
  }

  #find(index: number | undefined, id: string | undefined, name: string | undefined): ToolSlot | undefined {
    const named = id ? this.all.find((slot) => slot.id === id) : undefined;
    if (named) return named;
    const indexed = index === undefined ? undefined : this.#byIndex.get(index);
    // A new id together with a name starts a call of its own, whatever the index says.
    if (id && name) return undefined;
    if (indexed || id || name) return indexed;
    return this.all.at(-1);
  }
}

/** Whether the arguments are a whole object, so that nothing more can come for them. */
export function isComplete({ arguments: text }: ToolSlot): boolean {
  if (!text.trimEnd().endsWith("}")) return false;
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
