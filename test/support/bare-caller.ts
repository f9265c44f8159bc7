import { connect, type Socket } from "node:net";
import { onTestFinished } from "vitest";

/** A caller on a bare socket that notes what it meets, and when. */
export class BareCaller {
  text = "";
  /** Arrival time of each byte, on the clock of `performance.now`. */
  readonly times: number[] = [];
  ended = false;
  /** The code it was closed with; an empty text for none. */
  closed: string | undefined;
  readonly socket: Socket;
  #error = "";
  #changed = Promise.withResolvers<void>();

  constructor(port: number, host = "127.0.0.1") {
    this.socket = connect({ port, host, noDelay: true });
    this.socket.on("data", (bytes) => {
      this.text += bytes.toString("latin1");
      for (const _ of bytes) this.times.push(performance.now());
      this.#change();
    });
    this.socket.on("end", () => {
      this.ended = true;
      this.#change();
    });
    this.socket.on("error", (error: NodeJS.ErrnoException) => {
      this.#error = error.code ?? "?";
    });
    this.socket.on("close", () => {
      this.closed = this.#error;
      this.#change();
    });
    onTestFinished(() => void this.socket.destroy());
  }

  /** Resolves when the condition holds. */
  async met(what: () => boolean): Promise<void> {
    while (!what()) await this.#changed.promise;
  }

  #change(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }
}

/** Waits for what there is no signal for. */
export async function until(met: () => boolean): Promise<void> {
  while (!met()) await Bun.sleep(1);
}
