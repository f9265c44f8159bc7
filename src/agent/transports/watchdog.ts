import type { Time } from "../../time.ts";
import { silenceMs } from "../../wire/link/constants.ts";

/** Notices that nothing has come for too long: a connection whose other end is gone without a word. */
export class Watchdog {
  readonly #time: Time;
  readonly #onSilence: () => void;
  #heardAt: number;
  #stop: () => void;

  constructor(time: Time, onSilence: () => void) {
    this.#time = time;
    this.#onSilence = onSilence;
    this.#heardAt = time.elapsed();
    this.#stop = time.after(silenceMs, () => this.#look());
  }

  /** Something has come. */
  heard(): void {
    this.#heardAt = this.#time.elapsed();
  }

  stop(): void {
    this.#stop();
  }

  #look(): void {
    const left = silenceMs - (this.#time.elapsed() - this.#heardAt);
    if (left <= 0) return this.#onSilence();
    this.#stop = this.#time.after(left, () => this.#look());
  }
}
