import type { Catalogue } from "../core/catalogue/catalogue.ts";
import type { MainLink } from "./main-link.ts";

/** Milliseconds between two notes. */
const interval = 500;

/** Tells the main thread the health of llms as the calls of a worker show it. */
export class HealthNotes {
  readonly #timer: Timer;
  /** The time of the last call that was told, by llm. */
  readonly #told = new Map<string, number>();

  constructor(link: MainLink, { snapshot: { volatile } }: Catalogue) {
    this.#timer = setInterval(() => {
      const states = [...volatile.llmHealth].filter(
        ([id, { checkedAt }]) => this.#told.get(id) !== checkedAt,
      );
      if (states.length === 0) return;
      for (const id of this.#told.keys()) if (!volatile.llmHealth.has(id)) this.#told.delete(id);
      for (const [id, { checkedAt }] of states) this.#told.set(id, checkedAt);
      link.note({ is: "health", states });
    }, interval);
    this.#timer.unref();
  }

  close(): void {
    clearInterval(this.#timer);
  }
}
