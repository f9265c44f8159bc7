import type { ChatToolCallDelta } from "../../wire/dialects/chat.ts";

/** A tool call that arrives in pieces. */
export interface ToolSlot {
  id: string | undefined;
  name: string;
  arguments: string;
  /** Characters of `arguments` that were sent to the caller. */
  sent: number;
  state: "waiting" | "open" | "closed";
}

/**
 * Finds the tool call to which each piece belongs. Providers differ: OpenAI sends the id once and the index always,
 * Ollama has sent index 0 for every parallel call, others repeat the id and the name or leave the index out.
 */
export class ToolSlots {
  readonly all: ToolSlot[] = [];
  readonly #byIndex = new Map<number, ToolSlot>();

  /** Adds a piece. Returns its tool call. */
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
    // A new id together with a name begins a new call, whatever the index is.
    if (id && name) return undefined;
    if (indexed || id || name) return indexed;
    return this.all.at(-1);
  }
}

/** Returns true if the arguments are a whole object, so that no more pieces can follow. */
export function isComplete({ arguments: text }: ToolSlot): boolean {
  if (!text.trimEnd().endsWith("}")) return false;
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
