import { decodeError, type LinkError } from "../cluster/link-messages.ts";

/** The questions to another thread that it has not answered yet. */
export class PendingAsks {
  readonly #waiting = new Map<number, PromiseWithResolvers<unknown>>();
  #last = 0;

  /** Returns the number of a new question, and its answer. */
  add(): { id: number; answer: Promise<unknown> } {
    const id = ++this.#last;
    const waiting = Promise.withResolvers<unknown>();
    this.#waiting.set(id, waiting);
    return { id, answer: waiting.promise };
  }

  answered(id: number, value: unknown): void {
    this.#waiting.get(id)?.resolve(value);
    this.#waiting.delete(id);
  }

  failed(id: number, error: LinkError): void {
    this.#waiting.get(id)?.reject(decodeError(error));
    this.#waiting.delete(id);
  }
}
