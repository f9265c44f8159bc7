import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { refuseExcess } from "../../src/wire/json.ts";
import { JsonMeter } from "../../src/wire/json-meter.ts";

function metered(text: string, pieceSize: number): boolean {
  const bytes = Buffer.from(text);
  const meter = new JsonMeter();
  for (let at = 0; at < bytes.length; at += pieceSize) meter.add(bytes.subarray(at, at + pieceSize));
  return meter.isHarmless;
}

/** Texts of which each exceeds one limit, and would not if it were a little shorter. */
const excesses: readonly (readonly [what: string, make: (count: number) => string, limit: number])[] = [
  ["levels", (count) => `[${" ".repeat(2000)}${"[".repeat(count - 1)}${"]".repeat(count)}`, 100],
  ["elements", (count) => `[${"0,".repeat(count)}0]`, 100_000],
  ["different keys", (count) => `{${Array.from({ length: count }, (_, i) => `"${i}":0`).join()}}`, 30_000],
  ["characters outside strings", (count) => `[${" ".repeat(count)}]`, 2 * 1024 * 1024],
  ["escapes", (count) => JSON.stringify(["\n".repeat(count)]), 1_000_000],
];

describe("JsonMeter", () => {
  it.each(excesses)(
    "finds a text with too many %s not harmless, as the parser refuses it",
    (_, make, limit) => {
      const long = make(limit + 2);
      expect(() => refuseExcess(long)).toThrow(/more than|nested deeper/);
      expect(metered(long, 65_536)).toBe(false);
      // Cut inside of escapes, too.
      expect(metered(make(limit - 10), 4097)).toBe(true);
    },
  );

  it("finds an ordinary long result harmless whatever is quoted in it", () => {
    const rows = Array.from({ length: 300 }, (_, id) => ({ id, note: 'a "quoted" \\ and [{,:}] größer 🚀' }));
    const text = JSON.stringify({ result: { content: [{ type: "text", text: JSON.stringify(rows) }] } });
    for (const size of [1, 2, 3, 1000]) expect(metered(text, size)).toBe(true);
  });

  it("never finds harmless what the parser refuses, wherever the text is cut", () => {
    // Of these, brackets are what random texts can have too many of.
    const unit = fc.constantFrom("[", "[[[[[[[[[[", "{", "]", "}", '"', "\\", '\\"', ",", ":", "a", "ü");
    fc.assert(
      fc.property(fc.array(unit, { maxLength: 300 }), fc.integer({ min: 1, max: 9 }), (units, size) => {
        const text = `[${units.join("").padEnd(1100)}]`;
        let isRefused = false;
        try {
          refuseExcess(text);
        } catch {
          isRefused = true;
        }
        expect(isRefused && metered(text, size)).toBe(false);
      }),
      { numRuns: 40 },
    );
  });
});
