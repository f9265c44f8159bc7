import type { CallIdForm } from "../../quirks/types.ts";
import { fittingId } from "../tool-names.ts";

/** The ids of tool calls that Anthropic takes. */
const anthropicForm: CallIdForm = { longest: 64 };

/**
 * Gives the calls of a history ids that Anthropic takes: no two are the same, although some providers number their calls
 * anew in each answer. The same history always gets the same ids, because the prompt cache depends on it.
 */
export class HistoryCallIds {
  readonly #used = new Set<string>();
  /** The last call with each id of the caller. */
  readonly #current = new Map<string, string>();

  /** Returns the id of a call. */
  called(id: string): string {
    const own = fittingId(id, anthropicForm);
    let unique = own;
    for (let count = 2; this.#used.has(unique); count++) unique = fittingId(`${own}_${count}`, anthropicForm);
    this.#used.add(unique);
    this.#current.set(id, unique);
    return unique;
  }

  /** Returns the id of the call that a result answers. */
  answered(id: string): string {
    return this.#current.get(id) ?? fittingId(id, anthropicForm);
  }
}
