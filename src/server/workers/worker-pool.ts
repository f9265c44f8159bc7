import type { Catalogue, CatalogueFollower, ChangedContents } from "../core/catalogue/catalogue.ts";
import type { Change, Contents } from "../core/store/types.ts";
import type { MetricsState } from "../observability/metrics.ts";
import type { AskOfMain, MessageOfMain, WorkerOptions } from "./messages.ts";
import { type WorkerServices, WorkerThread } from "./worker-thread.ts";

/** The program of a worker: a file of the source, or the one that is compiled into the executable. */
const program = import.meta.url.includes("/$bunfs/")
  ? "file:///$bunfs/root/src/server/workers/thread.js"
  : new URL("./thread.ts", import.meta.url).href;

/** The workers of a server. */
export class WorkerPool implements CatalogueFollower {
  readonly threads: readonly WorkerThread[];
  readonly #unfollow: () => void;

  private constructor(threads: readonly WorkerThread[], catalogue: Catalogue) {
    this.threads = threads;
    this.#unfollow = catalogue.addFollower(this);
  }

  /** Starts workers. They have a copy of the catalogue when this returns, and do not listen yet. */
  static async open(count: number, options: WorkerOptions, services: WorkerServices): Promise<WorkerPool> {
    const threads = Array.from({ length: count }, () => new WorkerThread(program, services));
    // Changes from here on are told, also those that the contents already have.
    const pool = new WorkerPool(threads, services.catalogue);
    const contents = await services.catalogue.store.load();
    await pool.ask({ is: "start", options, contents });
    return pool;
  }

  /** Asks all workers. */
  ask(ask: AskOfMain): Promise<unknown[]> {
    return Promise.all(this.threads.map((thread) => thread.ask(ask)));
  }

  changed(changes: readonly Change[], now: ChangedContents): void {
    this.#post({ is: "changed", changes, now });
  }

  reloaded(contents: Contents): void {
    this.#post({ is: "reloaded", contents });
  }

  /** A write is answered after this: no worker goes on with what was before it (failure mode 295). */
  async reached(revision: number): Promise<void> {
    await Promise.all(this.threads.map((thread) => thread.reached(revision)));
  }

  /** Returns the metrics of all workers. */
  async metrics(): Promise<MetricsState[]> {
    return (await this.ask({ is: "metrics" })) as MetricsState[];
  }

  /** Ends the threads, whose connections are closed. */
  async close(): Promise<void> {
    await Promise.all(this.threads.map((thread) => thread.close()));
    this.#unfollow();
  }

  #post(message: MessageOfMain): void {
    for (const thread of this.threads) thread.post(message);
  }
}
