import { describe, expect, it } from "vitest";
import { MessageBody } from "../../src/net/http1/message-body.ts";
import { joinInTurns, Pieces } from "../../src/wire/pieces.ts";

describe("Pieces", () => {
  it("returns the bytes in their order, whatever the sizes of the pieces are", () => {
    const whole = Buffer.from(Array.from({ length: 300_000 }, (_, n) => n * 7));
    const pieces = new Pieces();
    const sizes = [1, 5000, 1, 2, 4096, 4095, 70_000, 1, 1, 0, 100];
    for (let at = 0, n = 0; at < whole.length; n++) {
      const size = sizes[n % sizes.length]!;
      pieces.add(whole.subarray(at, at + size));
      at += size;
    }
    expect(pieces.length).toBe(whole.length);
    expect(pieces.take().equals(whole)).toBe(true);
    expect([pieces.length, pieces.take().length]).toEqual([0, 0]);
  });

  it("returns a single piece without a copy", () => {
    const piece = Buffer.from("abc");
    const pieces = new Pieces();
    pieces.add(piece);
    expect(pieces.take()).toBe(piece);
  });

  it("keeps a million pieces of one byte in few parts (T63)", () => {
    const pieces = new Pieces();
    const byte = Buffer.from("x");
    for (let n = 0; n < 1_000_000; n++) pieces.add(byte);
    const parts = pieces.takeParts();
    expect(parts.length).toBeLessThan(50);
    expect(Buffer.concat(parts).equals(Buffer.alloc(1_000_000, "x"))).toBe(true);
  });
});

/** Returns what work comes to, and the number of turns of the event loop that it took. */
async function turnsOf<T>(work: () => Promise<T>): Promise<[result: T, turns: number]> {
  let turns = 0;
  let over = false;
  const count = () => {
    turns++;
    if (!over) setImmediate(count);
  };
  setImmediate(count);
  const result = await work();
  over = true;
  return [result, turns];
}

describe("large parts", () => {
  const parts = [5_000_000, 3, 2_097_152, 1_000_001].map((length, n) => Buffer.alloc(length, `${n}abc`));
  const whole = Buffer.concat(parts);

  it("are joined in several turns of the event loop (T335)", async () => {
    const [bytes, turns] = await turnsOf(() => joinInTurns(parts));
    expect(bytes.equals(whole)).toBe(true);
    expect(turns).toBeGreaterThan(3);
  });

  it("of a body of an answer are joined in several turns of the event loop (T335)", async () => {
    const body = new (class extends MessageBody {
      pause() {}
      resume() {}
      protected giveUp() {}
      protected onOver() {}
    })();
    const reading = body.bytes(whole.length);
    for (const part of parts) body.push(part);
    const [bytes, turns] = await turnsOf(() => {
      body.end();
      return reading;
    });
    expect(bytes.equals(whole)).toBe(true);
    expect(turns).toBeGreaterThan(3);
  });

  it("are forgotten as soon as they are taken", async () => {
    const pieces = new Pieces();
    for (const part of parts) pieces.add(part);
    const taken = pieces.takeInTurns();
    pieces.add(Buffer.from("next"));
    expect((await taken).equals(whole)).toBe(true);
    expect((await pieces.takeInTurns()).toString()).toBe("next");
  });
});
