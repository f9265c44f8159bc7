import { partBytes } from "./constants.ts";

/** Bytes of a window when a link opens, and limits of a window. At 1 Mbit/s the least is a quarter of a second. */
const firstBytes = 64 * 1024;
const leastBytes = 4 * partBytes;
const mostBytes = 4 * 1024 * 1024;

/** Bytes wait at a slow line for so many milliseconds, or for one round trip: as long waits a message behind them. */
const queueMs = 150;

/** The rate is measured anew after so many milliseconds, and the round trip: the line may have become slower or longer. */
const rateMs = 1_000;
const tripMs = 8_000;

/** The bytes that were sent up to a multiple of `partBytes`. */
interface Mark {
  sentAt: number;
  /** The bytes that had arrived by then. */
  received: number;
}

/**
 * The bytes that may be on their way on one link. Whatever waits at a slow line delays every message behind it. So the
 * window is as large as what the line carries in one round trip and a short while, as in BBR
 * (https://www.ietf.org/archive/id/draft-cardwell-iccrg-bbr-congestion-control-02.html).
 */
export class SendWindow {
  readonly #elapsed: () => number;
  readonly #marks: Mark[] = [];
  #size = firstBytes;
  #sent = 0;
  #received = 0;
  /** True if the window was full since the last mark arrived: the line is measured then. */
  #wasFull = false;
  /** The largest rate of this second and of the last, in bytes per millisecond. */
  #rates = { now: 0, last: 0, since: 0 };
  /** The shortest round trip, in milliseconds. */
  #trip = Number.POSITIVE_INFINITY;
  #tripSince: number;
  /**
   * Undefined, or the number of bytes that must have arrived before the round trip is measured. The window is small until
   * then: only an empty line shows its round trip.
   */
  #emptyAt: number | undefined;

  /** @param elapsed milliseconds on a monotonic clock */
  constructor(elapsed: () => number) {
    this.#elapsed = elapsed;
    this.#tripSince = elapsed();
  }

  /** True while one more part may be sent. */
  get hasRoom(): boolean {
    const hasRoom = this.#sent - this.#received < this.#size;
    this.#wasFull ||= !hasRoom;
    return hasRoom;
  }

  /** Notes bytes that were sent. */
  sent(bytes: number): void {
    const marks = marksBetween(this.#sent, this.#sent + bytes);
    this.#sent += bytes;
    if (marks === 0) return;
    const mark = { sentAt: this.#elapsed(), received: this.#received };
    for (let n = 0; n < marks; n++) this.#marks.push(mark);
  }

  /**
   * Takes the receiver's report.
   *
   * @param bytes the number of bytes that have arrived since the link opened
   * @returns false if so many were not sent
   */
  received(bytes: number): boolean {
    if (bytes > this.#sent) return false;
    if (bytes <= this.#received) return true;
    const mark = this.#marks.splice(0, marksBetween(this.#received, bytes)).at(-1);
    this.#received = bytes;
    if (mark) this.#measure(mark);
    return true;
  }

  #measure({ sentAt, received }: Mark): void {
    const now = this.#elapsed();
    const took = Math.max(1, now - sentAt);
    this.#measureTrip(now, took, received);
    const rate = (this.#received - received) / took;
    if (this.#wasFull || rate > Math.max(this.#rates.now, this.#rates.last)) this.#measureRate(now, rate);
    this.#wasFull = false;
    const size = Math.max(this.#rates.now, this.#rates.last) * (this.#trip + Math.max(queueMs, this.#trip));
    this.#size = this.#emptyAt === undefined ? Math.min(mostBytes, Math.max(leastBytes, size)) : leastBytes;
  }

  #measureRate(now: number, rate: number): void {
    const { now: largest, since } = this.#rates;
    if (now - since > Math.max(rateMs, 2 * this.#trip))
      this.#rates = { now: rate, last: largest, since: now };
    else this.#rates.now = Math.max(largest, rate);
  }

  /** @param received the bytes that had arrived when those were sent that took so long */
  #measureTrip(now: number, took: number, received: number): void {
    if (this.#emptyAt !== undefined && received >= this.#emptyAt) {
      this.#trip = took;
      this.#tripSince = now;
      this.#emptyAt = undefined;
      return;
    }
    this.#trip = Math.min(this.#trip, took);
    if (now - this.#tripSince > tripMs) this.#emptyAt ??= this.#sent;
  }
}

/** Returns the number of multiples of `partBytes` that are passed from one count of bytes to another. */
function marksBetween(from: number, to: number): number {
  return Math.floor(to / partBytes) - Math.floor(from / partBytes);
}

/** Counts the bytes that have arrived on a link, and tells when the sender is to hear of them. */
export class Receipts {
  #bytes = 0;

  /**
   * Counts the bytes of a binary frame.
   *
   * @returns the number of all bytes if the sender is to be told, else undefined
   */
  add(bytes: number): number | undefined {
    const before = this.#bytes;
    this.#bytes += bytes;
    return marksBetween(before, this.#bytes) > 0 ? this.#bytes : undefined;
  }
}
