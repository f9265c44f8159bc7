import type { Time } from "../../time.ts";
import { silenceMs } from "../../wire/link/constants.ts";

/** Notices a connection on which nothing has arrived for too long: its other end may be gone without a notice. */
export class Watchdog {
  readonly #time: Time;
  readonly #onSilence: () => void;
  #receivedAt: number;
  #stop: () => void;

  constructor(time: Time, onSilence: () => void) {
    this.#time = time;
    this.#onSilence = onSilence;
    this.#receivedAt = time.elapsed();
    this.#stop = time.after(silenceMs, () => this.#check());
  }

  /** Reports that something has arrived. */
  received(): void {
    this.#receivedAt = this.#time.elapsed();
  }

  stop(): void {
    this.#stop();
  }

  #check(): void {
    const left = silenceMs - (this.#time.elapsed() - this.#receivedAt);
    if (left <= 0) return this.#onSilence();
    this.#stop = this.#time.after(left, () => this.#check());
  }
}
