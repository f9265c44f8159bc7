import { describe, expect, it } from "vitest";
import { Pieces } from "../../src/wire/pieces.ts";

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
