import type { Socket } from "bun";

/** A parcel on the way: bytes, the end of them, or a reset. */
type Freight = Uint8Array | "end" | "reset";

interface Travelling {
  /** Due time at the other end, on the clock of `performance.now`. */
  due: number;
  freight: Freight;
}

/** The most that is under way before the sender is made to wait, in bytes. */
const window = 1024 * 1024;

/** The same at the entry of a slow line: about as many bytes as a home router holds. */
const slowWindow = 32 * 1024;

/** Bytes that a slow line takes at a time, so that another connection's bytes can go in between. */
const packet = 4096;

/** One direction of a line of limited rate, which all connections share: first come, first served. */
export interface SlowLine {
  /** Bytes per millisecond. */
  rate: number;
  /** The time at which the line has sent all that it was given, on the clock of `performance.now`. */
  freeAt: number;
}

/** Timers are no finer than a millisecond: what is due within half of one goes now. */
const grain = 0.5;

/** The way from one socket to another, which takes its time. What goes in first comes out first. */
export class OneWay {
  readonly #hold: (wait: boolean) => void;
  readonly #counted: (bytes: number) => void;
  readonly #travelling: Travelling[] = [];
  #to: Socket<unknown> | undefined;
  #bytes = 0;
  /** Bytes that have not entered a slow line yet. */
  readonly #waiting: Freight[] = [];
  #enter = () => {};
  #lastDue = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #stalled = false;
  #holding = false;
  #closed = false;

  /**
   * @param hold makes the sender wait, or go on
   * @param counted told of all bytes that reach the other end
   */
  constructor(hold: (wait: boolean) => void, counted: (bytes: number) => void) {
    this.#hold = hold;
    this.#counted = counted;
  }

  /** Destination, once that is known; until then all waits. */
  leadTo(socket: Socket<unknown>): void {
    this.#to = socket;
    this.#deliver();
  }

  /**
   * @param delay milliseconds
   * @param line the line that the bytes share with those of other connections; undefined for one without a limit
   */
  send(freight: Freight, delay: number, line?: SlowLine): void {
    if (this.#closed) return;
    if (line) {
      this.#waiting.push(freight);
      this.#enter = () => this.#enterLine(delay, line);
      this.#enter();
    } else this.#push(freight, delay);
    if ((this.#waiting.length > 0 || this.#bytes > window) && !this.#holding) {
      this.#holding = true;
      this.#hold(true);
    }
    this.#deliver();
  }

  /** Lets bytes enter a slow line a little at a time, so that other connections get their share of it. */
  #enterLine(delay: number, line: SlowLine): void {
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      if (this.#bytes > slowWindow + line.rate * delay) return;
      if (typeof next === "string" || next.length <= packet) this.#waiting.shift();
      else this.#waiting[0] = next.subarray(packet);
      this.#push(typeof next === "string" ? next : next.subarray(0, packet), delay, line);
    }
  }

  #push(freight: Freight, delay: number, line?: SlowLine): void {
    let leaves = performance.now();
    if (line && typeof freight !== "string") {
      line.freeAt = Math.max(leaves, line.freeAt) + freight.length / line.rate;
      leaves = line.freeAt;
    }
    // A delay that was made shorter does not let what comes later overtake.
    this.#lastDue = Math.max(this.#lastDue, leaves + delay);
    this.#travelling.push({ due: this.#lastDue, freight });
    if (typeof freight !== "string") this.#bytes += freight.length;
  }

  /** Nothing arrives while it is stalled. */
  stall(stalled: boolean): void {
    this.#stalled = stalled;
    this.#deliver();
  }

  /** The receiver takes bytes again. */
  drained(): void {
    this.#deliver();
  }

  /** Drops everything that is under way. */
  close(): void {
    this.#closed = true;
    this.#travelling.length = 0;
    this.#waiting.length = 0;
    clearTimeout(this.#timer);
  }

  #deliver(): void {
    clearTimeout(this.#timer);
    const to = this.#to;
    if (!to || this.#stalled || this.#closed) return;
    for (let next = this.#travelling[0]; next; next = this.#travelling[0]) {
      const early = next.due - performance.now();
      if (early > grain) {
        this.#timer = setTimeout(() => this.#deliver(), Math.round(early));
        return;
      }
      if (typeof next.freight !== "string") {
        const written = Math.max(0, to.write(next.freight));
        this.#arrived(written);
        next.freight = next.freight.subarray(written);
        if (next.freight.length > 0) return;
      } else if (next.freight === "end") to.shutdown();
      else to.terminate();
      this.#travelling.shift();
    }
  }

  #arrived(bytes: number): void {
    this.#counted(bytes);
    this.#bytes -= bytes;
    this.#enter();
    if (this.#holding && this.#waiting.length === 0 && this.#bytes <= slowWindow / 2) {
      this.#holding = false;
      this.#hold(false);
    }
  }
}
