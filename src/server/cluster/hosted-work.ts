import { InstanceMoved } from "./link-messages.ts";

/** The requests of other nodes that are carried out here, for which a stop waits. */
export class HostedWork {
  isDraining = false;
  #busy = 0;

  /**
   * Carries out a request.
   *
   * @param isEndless true if it ends with its link, and a stop does not wait for it
   * @throws InstanceMoved if this node takes no more; whatever the work throws
   */
  async run<T>(work: () => Promise<T>, isEndless = false): Promise<T> {
    if (this.isDraining) throw new InstanceMoved();
    const counts = isEndless ? 0 : 1;
    this.#busy += counts;
    try {
      return await work();
    } finally {
      this.#busy -= counts;
    }
  }

  /** Takes no more requests. Returns when none is under way. */
  async drain(): Promise<void> {
    this.isDraining = true;
    while (this.#busy > 0) await Bun.sleep(50);
  }
}
