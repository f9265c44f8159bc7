import type { AskOfWorker, MessageOfMain, MessageOfWorker, NoteOfWorker } from "./messages.ts";
import { PendingAsks } from "./pending-asks.ts";

/** The way of a worker to the main thread. What one turn of the event loop has for it is one message. */
export class MainLink {
  readonly #post: (message: MessageOfWorker) => void;
  readonly #pending = new PendingAsks();
  #asks: { id: number; ask: AskOfWorker }[] = [];
  #notes: NoteOfWorker[] = [];
  /** Called when the questions of this turn are on their way. */
  #whenSent: (() => void)[] = [];
  #isDue = false;

  constructor(post: (message: MessageOfWorker) => void) {
    this.#post = post;
  }

  /**
   * Asks the main thread.
   *
   * @param whenSent called when the question is on its way: until then it may still be changed
   * @throws AppError as the main thread does
   */
  ask(ask: AskOfWorker, whenSent?: () => void): Promise<unknown> {
    const { id, answer } = this.#pending.add();
    this.#asks.push({ id, ask });
    if (whenSent) this.#whenSent.push(whenSent);
    this.#sendSoon();
    return answer;
  }

  /** @param whenSent as that of `ask` */
  note(note: NoteOfWorker, whenSent?: () => void): void {
    this.#notes.push(note);
    if (whenSent) this.#whenSent.push(whenSent);
    this.#sendSoon();
  }

  /** Takes an answer of the main thread. */
  answered(message: Extract<MessageOfMain, { is: "answer" | "failed" }>): void {
    if (message.is === "answer") this.#pending.answered(message.id, message.value);
    else this.#pending.failed(message.id, message.error);
  }

  #sendSoon(): void {
    if (this.#isDue) return;
    this.#isDue = true;
    setImmediate(() => this.flush());
  }

  /** Sends what waits for the end of the turn: the thread may end in it. */
  flush(): void {
    if (!this.#isDue) return;
    const [asks, notes, whenSent] = [this.#asks, this.#notes, this.#whenSent];
    this.#asks = [];
    this.#notes = [];
    this.#whenSent = [];
    this.#isDue = false;
    for (const sent of whenSent) sent();
    this.#post({ is: "turn", asks, notes });
  }
}
