import { describe, expect, it } from "vitest";
import { parseExact, parseExactInTurns } from "../../src/wire/exact-json.ts";

describe("parseExact", () => {
  it("keeps digits wherever an integer stands, and leaves long fractions to JSON.parse", () => {
    const long = "12345678901234567890";
    for (const text of [long, `-${long}`, `[${long}]`, `[1,${long},-${long}]`, `{"a": ${long}}`])
      expect(JSON.stringify(parseExact(text))).toBe(text.replace(" ", ""));
    const fraction = "[-0.12345678901234567890,1234567890123456789.5,12345678901234567e3]";
    expect(parseExact(fraction)).toEqual(JSON.parse(fraction));
  });

  it("keeps the digits of big integers, and is JSON.parse for the rest (case 11)", () => {
    const text =
      '{"id":12345678901234567890,"list":[-98765432109876543210,1.5,12345678901234567e3,42],"s":"12345678901234567890"}';
    expect(JSON.stringify(parseExact(text))).toBe(
      text.replace("12345678901234567e3", "12345678901234567000"),
    );
    expect(parseExact('{"a":1}')).toEqual({ a: 1 });
    expect(() => parseExact("{")).toThrow(SyntaxError);
  });

  it("is the same in turns", async () => {
    for (const text of ['{"id":12345678901234567890,"a":1}', '{"a":1}'])
      expect(JSON.stringify(await parseExactInTurns(text))).toBe(text);
    await expect(parseExactInTurns("{")).rejects.toThrow(SyntaxError);
  });
});
