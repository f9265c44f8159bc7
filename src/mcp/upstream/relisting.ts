import type { Time } from "../../time.ts";

/** Milliseconds: servers often tell several changes at once; and a hostile one tells them without end. */
const waits = { gather: 200, atLeast: 1000 };

/** Lists a server again after it has said that something changed: once for several changes, one listing at a time. */
export class Relisting<Connection> {
  readonly #time: Time;
  readonly #list: (connection: Connection) => Promise<void>;
  #wanted: Connection | undefined;
  #isPlanned = false;
  #endedAt = -Infinity;

  /** @param list lists what is there. Must not throw */
  constructor(time: Time, list: (connection: Connection) => Promise<void>) {
    this.#time = time;
    this.#list = list;
  }

  /** Lists soon, over this connection. */
  request(connection: Connection): void {
    this.#wanted = connection;
    if (this.#isPlanned) return;
    this.#isPlanned = true;
    const wait = Math.max(waits.gather, this.#endedAt + waits.atLeast - this.#time.elapsed());
    this.#time.after(wait, () => void this.#run());
  }

  async #run(): Promise<void> {
    const connection = this.#wanted;
    this.#wanted = undefined;
    if (connection) await this.#list(connection);
    this.#endedAt = this.#time.elapsed();
    this.#isPlanned = false;
    if (this.#wanted) this.request(this.#wanted);
  }
}
