import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ByteLines, LineTooLong } from "../../src/wire/byte-lines.ts";

describe("ByteLines", () => {
  it("yields the same lines wherever the stream is cut, also inside a character", () => {
    const texts = fc.array(
      fc.string({ unit: "grapheme", maxLength: 20 }).map((text) => text.replaceAll("\n", "")),
    );
    fc.assert(
      fc.property(texts, fc.integer({ min: 1, max: 7 }), (expected, size) => {
        const bytes = Buffer.from(expected.map((line) => `${line}\n`).join(""));
        const lines = new ByteLines(1024);
        const found: string[] = [];
        for (let at = 0; at < bytes.length; at += size)
          found.push(...lines.push(bytes.subarray(at, at + size)));
        expect(found).toEqual(expected);
        expect(lines.rest()).toBe("");
      }),
    );
  });

  it("refuses a line with more bytes than its reader takes, whether it has ended or not", () => {
    expect(() => [...new ByteLines(4).push(Buffer.from("12345"))]).toThrow(LineTooLong);
    expect(() => [...new ByteLines(4).push(Buffer.from("12345\n"))]).toThrow(LineTooLong);
    expect([...new ByteLines(4).push(Buffer.from("1234\n12"))]).toEqual(["1234"]);
    expect([...new ByteLines(4).push(Buffer.from("1\n1234\n\n1234\n1"))]).toEqual(["1", "1234", "", "1234"]);
    for (const text of ["1\n1\n12345\n1\n", "1\n12345\n", "1\n1\n12345"])
      expect(() => [...new ByteLines(4).push(Buffer.from(text))]).toThrow(LineTooLong);
  });

  it("keeps what stands after the last line feed", () => {
    const lines = new ByteLines(10);
    expect([...lines.push(Buffer.from("one\ntwo"))]).toEqual(["one"]);
    expect(lines.rest()).toBe("two");
  });
});
