import { describe, expect, it } from "vitest";
import { partBytes } from "../../../src/wire/link/constants.ts";
import { Receipts, SendWindow } from "../../../src/wire/link/send-window.ts";

/** A line that carries bytes in order, on a clock that goes on from event to event. */
class Line {
  now = 0;
  readonly window = new SendWindow(() => this.now);
  /** The longest time that bytes have waited at the line, in milliseconds. */
  longestWait = 0;
  carried = 0;
  readonly #receipts = new Receipts();
  readonly #reports: { at: number; bytes: number }[] = [];
  #freeAt = 0;

  constructor(
    readonly line: { bytesPerMs: number; roundTrip: number },
    private readonly jitter: () => number = () => 0,
  ) {}

  /** Sends as much as the window allows, until a time. */
  run(until: number): void {
    while (this.now < until) {
      this.#send();
      const next = this.#reports.shift();
      if (!next) throw new Error("nothing is under way, and the window is closed");
      this.now = Math.max(this.now, next.at);
      expect(this.window.received(next.bytes)).toBe(true);
    }
  }

  #send(): void {
    const { bytesPerMs, roundTrip } = this.line;
    while (this.window.hasRoom) {
      this.window.sent(partBytes);
      this.longestWait = Math.max(this.longestWait, this.#freeAt - this.now);
      this.#freeAt = Math.max(this.now, this.#freeAt) + partBytes / bytesPerMs;
      this.carried += partBytes;
      const bytes = this.#receipts.add(partBytes);
      if (bytes !== undefined) this.#reports.push({ at: this.#freeAt + roundTrip + this.jitter(), bytes });
    }
  }
}

describe("the window of a link", () => {
  it.each([
    [1, 40],
    [1, 300],
    [8, 40],
    [8, 300],
    [100, 40],
    [100, 300],
  ])(
    "fills a line of %d Mbit/s and %d ms, and lets bytes wait for a short while at most (failure mode 91)",
    (megabits, roundTrip) => {
      const line = new Line({ bytesPerMs: megabits * 125, roundTrip });
      line.run(10_000);
      const warm = line.carried;
      line.longestWait = 0;
      line.run(30_000);
      const share = (line.carried - warm) / (20_000 * megabits * 125);
      expect(share).toBeGreaterThan(0.75);
      expect(line.longestWait).toBeLessThan(2 * Math.max(300, roundTrip));
    },
  );

  it("stays open when reports are late by chance, as on a busy machine", () => {
    let turn = 0;
    const line = new Line({ bytesPerMs: 12_500, roundTrip: 40 }, () => (++turn % 50 === 0 ? 60 : 0));
    line.run(10_000);
    expect(line.carried / (10_000 * 12_500)).toBeGreaterThan(0.6);
  });

  it("becomes small when the line becomes slow", () => {
    const line = new Line({ bytesPerMs: 12_500, roundTrip: 40 });
    line.run(5_000);
    line.line.bytesPerMs = 125;
    line.run(60_000);
    line.longestWait = 0;
    line.run(80_000);
    expect(line.longestWait).toBeLessThan(550);
  });

  it("does not take a report of bytes that were not sent (failure mode 71)", () => {
    const window = new SendWindow(() => 0);
    window.sent(100);
    expect(window.received(101)).toBe(false);
    expect(window.received(100)).toBe(true);
    // A report that was overtaken changes nothing.
    expect(window.received(50)).toBe(true);
  });
});

describe("receipts", () => {
  it("are due each time that a part more has arrived, however it was cut", () => {
    const receipts = new Receipts();
    expect(receipts.add(partBytes - 1)).toBeUndefined();
    expect(receipts.add(1)).toBe(partBytes);
    expect(receipts.add(3 * partBytes + 5)).toBe(4 * partBytes + 5);
    expect(receipts.add(10)).toBeUndefined();
  });
});
