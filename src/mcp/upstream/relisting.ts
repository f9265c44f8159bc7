import type { Time } from "../../time.ts";

/** Milliseconds: servers often tell several changes at once; and a hostile one tells them without end. */
const waits = { gather: 200, atLeast: 1000 };

/** Lists a server again after it has said that something changed: once for several changes, one listing at a time of each. */
export class Relisting<Connection> {
  readonly #time: Time;
  readonly #list: (connection: Connection) => Promise<void>;
  /** Several instances may have told it, of which one may be about to end. */
  readonly #wanted = new Set<Connection>();
  #isPlanned = false;
  #endedAt = -Infinity;

  /** @param list lists what is there. Must not throw */
  constructor(time: Time, list: (connection: Connection) => Promise<void>) {
    this.#time = time;
    this.#list = list;
  }

  /** Lists soon, over this connection. */
  request(connection: Connection): void {
    this.#wanted.add(connection);
    if (!this.#isPlanned) this.#plan();
  }

  #plan(): void {
    this.#isPlanned = true;
    const wait = Math.max(waits.gather, this.#endedAt + waits.atLeast - this.#time.elapsed());
    this.#time.after(wait, () => void this.#run());
  }

  async #run(): Promise<void> {
    const wanted = [...this.#wanted];
    this.#wanted.clear();
    await Promise.all(wanted.map((connection) => this.#list(connection)));
    this.#endedAt = this.#time.elapsed();
    this.#isPlanned = false;
    if (this.#wanted.size > 0) this.#plan();
  }
}
