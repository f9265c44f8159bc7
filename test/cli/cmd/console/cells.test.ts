import { Terminal as Emulator } from "@xterm/headless";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  cutTo,
  fitted,
  plainBlock,
  plainLine,
  widthOf,
  wrapped,
} from "../../../../src/cli/cmd/console/cells.ts";

/** Texts as servers may send them, with much of what is dangerous or hard to measure. */
const hostile = fc
  .array(
    fc.oneof(
      fc.string({ unit: "grapheme" }),
      fc.string({ unit: "binary" }),
      fc.constantFrom(
        "\u001b[2J",
        "\u001b]0;x\u0007",
        "\u009b31m",
        "\u202e",
        "\u200b",
        "日本",
        "👨‍👩‍👧",
        "👍🏽",
        "🇩🇪",
        "1️⃣",
        "❤️",
        "e\u0301",
        `z${"\u0300".repeat(50)}`,
        "\t",
        "\r",
        "ﷺ",
        "한글",
        "\u{1d160}",
        " ",
      ),
    ),
    { maxLength: 12 },
  )
  .map((parts) => parts.join(""));

describe("texts of others in the console (T223)", () => {
  it("have no character that a terminal obeys or does not show", () => {
    fc.assert(
      fc.property(hostile, (text) => {
        expect(plainBlock(text)).not.toMatch(/(?!\n)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u);
        expect(plainLine(text)).not.toContain("\n");
      }),
    );
    expect(plainBlock("a\u001b[31mb\u202ec\r\nd")).toBe("a\\e[31mb\\u202ec\nd");
    expect(plainLine(`a${"\u0301".repeat(100)}`).length).toBeLessThan(5);
  });

  it("fit exactly into their columns", () => {
    fc.assert(
      fc.property(hostile, fc.integer({ min: 2, max: 40 }), (text, width) => {
        const plain = plainLine(text);
        expect(widthOf(fitted(plain, width))).toBe(width);
        expect(widthOf(cutTo(plain, width))).toBeLessThanOrEqual(width);
        for (const line of wrapped(plain, width)) expect(widthOf(line)).toBeLessThanOrEqual(width);
        expect(wrapped(plain, width).join("").replace(/\s/g, "")).toBe(plain.replace(/\s/g, ""));
      }),
    );
  });

  it("have the width that a terminal without joined characters gives them", async () => {
    const emulator = new Emulator({ cols: 80, rows: 4, allowProposedApi: true });
    // This emulator knows no emoji.
    for (const text of ["日本語", "🇩🇪 Berlin", "e\u0301clair", "한글", "ok → ✓ …"]) {
      const plain = plainLine(text);
      await new Promise<void>((resolve) => emulator.write(`\u001b[2J\u001b[H${plain}`, resolve));
      expect([text, emulator.buffer.active.cursorX]).toEqual([text, widthOf(plain)]);
    }
    const emoji = ["👨‍👩‍👧", "👍🏽", "❤️"].map((text) => [plainLine(text), widthOf(plainLine(text))]);
    expect(emoji).toEqual([
      ["👨👩👧", 6],
      ["👍", 2],
      ["❤", 1],
    ]);
    emulator.dispose();
  });

  it("are wrapped in linear time", () => {
    expect(wrapped("x".repeat(1_000_000), 80)).toHaveLength(12_500);
    expect(wrapped("", 80)).toEqual([""]);
    expect(wrapped("some words to wrap", 10)).toEqual(["some words", "to wrap"]);
  });
});
