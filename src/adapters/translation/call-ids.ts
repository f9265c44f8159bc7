import type { NewId } from "./new-id.ts";

/**
 * Ids of tool calls for callers (case 93). Callers take letters, digits, `_` and `-`, at most 64 of them, and tell calls
 * apart by them. Providers number their calls anew in each answer, use other characters, and want their own id back. So
 * an id that is not unique by itself is wrapped: a mark, a new part, and the provider's id with its other characters
 * escaped.
 */

const plain = /^[a-zA-Z0-9_-]{1,64}$/;
const longestId = 64;
/** A run of characters that is long enough to be random. */
const random = /[a-zA-Z0-9]{16}/;
const wrapped = /^mc[0-9a-z]{6}_((?:[a-zA-Z0-9_]|--|-[0-9a-f]{2}|-u[0-9a-f]{4})*)$/;
const newPartLength = 6;

/** An id for the caller. `own` is the provider's id where the caller's does not contain it. */
export interface CallerCallId {
  id: string;
  own?: string;
}

/** Makes the ids of the calls of one answer. */
export class CallIds {
  readonly #prefix: "toolu_" | "call_";
  readonly #newId: NewId;
  readonly #used = new Set<string>();

  /** @param prefix The beginning of ids for calls that have none. */
  constructor(prefix: "toolu_" | "call_", newId: NewId) {
    this.#prefix = prefix;
    this.#newId = newId;
  }

  /** Returns the caller's id for a call with the provider's id. */
  of(id: string | undefined): CallerCallId {
    if (!id) return { id: this.#prefix + this.#newId() };
    const isUnique = plain.test(id) && random.test(id) && !wrapped.test(id) && !this.#used.has(id);
    this.#used.add(id);
    if (isUnique) return { id };
    const text = `mc${this.#newId().slice(-newPartLength)}_${escaped(id)}`;
    return text.length <= longestId ? { id: text } : { id: this.#prefix + this.#newId(), own: id };
  }
}

/** Returns the provider's id that a caller's id contains; the caller's id itself where it is no wrapped one. */
export function ownCallId(id: string): string {
  const text = wrapped.exec(id)?.[1];
  if (text === undefined) return id;
  return text.replace(/-(?:-|u([0-9a-f]{4})|([0-9a-f]{2}))/g, (_, unit?: string, byte?: string) => {
    const code = unit ?? byte;
    return code === undefined ? "-" : String.fromCharCode(Number.parseInt(code, 16));
  });
}

function escaped(id: string): string {
  return id.replace(/[^a-zA-Z0-9_]/g, (letter) => {
    if (letter === "-") return "--";
    const code = letter.charCodeAt(0).toString(16);
    return code.length <= 2 ? `-${code.padStart(2, "0")}` : `-u${code.padStart(4, "0")}`;
  });
}
