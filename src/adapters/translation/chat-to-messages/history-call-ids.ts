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
  /** The next number for each id that was used before: a history may have the same one thousands of times (T293). */
  readonly #next = new Map<string, number>();
  /** The last call with each id of the caller. */
  readonly #current = new Map<string, string>();

  /** Returns the id of a call. */
  called(id: string): string {
    const own = fittingId(id, anthropicForm);
    let unique = own;
    let count = this.#next.get(own) ?? 2;
    while (this.#used.has(unique)) unique = fittingId(`${own}_${count++}`, anthropicForm);
    this.#next.set(own, count);
    this.#used.add(unique);
    this.#current.set(id, unique);
    return unique;
  }

  /** Returns the id of the call that a result answers. */
  answered(id: string): string {
    return this.#current.get(id) ?? fittingId(id, anthropicForm);
  }
}
