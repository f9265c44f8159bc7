/** The most personas of a chain in which each asks the next. */
const mostDeep = 3;
/** The most questions of all personas of one call together. */
const mostQuestions = 32;

/** The personas that have asked each other on behalf of one caller. They end even if each of them asks all others. */
export class AskChain {
  /** The number of personas that were asked one through the other. */
  readonly depth: number;
  readonly #questions: { left: number };

  private constructor(depth: number, questions: { left: number }) {
    this.depth = depth;
    this.#questions = questions;
  }

  /** Begins a chain: nobody was asked. */
  static begin(): AskChain {
    return new AskChain(0, { left: mostQuestions });
  }

  /** True if a persona may ask another one. */
  get isOpen(): boolean {
    return this.depth < mostDeep && this.#questions.left > 0;
  }

  /** Returns the chain with one more persona, and counts the question; undefined if it is too long. */
  next(): AskChain | undefined {
    if (!this.isOpen) return undefined;
    this.#questions.left--;
    return new AskChain(this.depth + 1, this.#questions);
  }
}
