import { AppError } from "../../errors.ts";
import type { BodyBudget, HeldBytes } from "./body-budget.ts";

/** Memory is held in steps of so many bytes. */
const step = 2 * 1024 * 1024;

/** Memory of a budget for something that grows until it is whole. What stays small holds none (T256). */
export class GrowingMemory {
  readonly #budget: Pick<BodyBudget, "isLarge" | "tryHold">;
  readonly #user: string;
  #held: HeldBytes[] | undefined;

  /** @param user the id of the user for whom it is */
  constructor(budget: Pick<BodyBudget, "isLarge" | "tryHold">, user: string) {
    this.#budget = budget;
    this.#user = user;
  }

  /** Holds memory for so many bytes in all. Returns false where there is none. */
  grow(bytes: number): boolean {
    if (!this.#budget.isLarge(bytes)) return true;
    this.#held ??= [];
    while (this.#held.length * step < bytes) {
      const held = this.#budget.tryHold(this.#user, step);
      if (!held) return false;
      this.#held.push(held);
    }
    return true;
  }

  /** Does the same. Throws AppError `server_busy` where there is none. */
  need(bytes: number): void {
    if (this.grow(bytes)) return;
    throw new AppError("server_busy", "the memory for large answers is in use", {
      retryAfter: 5,
      hint: "read the answers that are under way, and send it again",
    });
  }

  release(): void {
    for (const held of this.#held ?? []) held.release();
    this.#held = undefined;
  }
}
