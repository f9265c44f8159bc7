import fc from "fast-check";
import { expect, it } from "vitest";
import { wellFormedJson, wellFormedJsonInTurns } from "../../src/wire/well-formed.ts";

const units = fc.constantFrom("\ud83d", "\ude00", "\ud83d\ude00", "\\", '"', "u", "d83d", "a", "é");

it("JSON text has no half of a surrogate pair, and is otherwise unchanged (case 95)", () => {
  fc.assert(
    fc.property(fc.array(units, { maxLength: 20 }), (parts) => {
      const text = parts.join("");
      expect(JSON.parse(wellFormedJson(JSON.stringify({ text })))).toEqual({ text: text.toWellFormed() });
    }),
    { numRuns: 500 },
  );
});

it.each([
  ['{"a":"\\ud83d\\ude00"}', '{"a":"\\ud83d\\ude00"}'],
  ['{"a":"\\uD83D\\uDE00 \\uD83D"}', '{"a":"\\uD83D\\uDE00 \\ufffd"}'],
  ['{"a":"\\\\ud83d"}', '{"a":"\\\\ud83d"}'],
  ['{"a":"\\ude00\\ud83d"}', '{"a":"\\ufffd\\ufffd"}'],
])("%s becomes %s", (text, expected) => {
  expect(wellFormedJson(text)).toBe(expected);
});

it("a large text becomes the same in several turns of the event loop (T60)", async () => {
  const text = JSON.stringify({ text: "\ud83d\ude00 \\ud83d \ud83d a \n\ude00 ".repeat(30_000) });
  let turns = 0;
  const others = setInterval(() => turns++, 0);
  const made = await wellFormedJsonInTurns(text);
  clearInterval(others);
  expect(made === wellFormedJson(text)).toBe(true);
  expect(made).not.toBe(text);
  expect(turns).toBeGreaterThan(0);
  const plain = '{"a":"no such escape"}';
  expect(await wellFormedJsonInTurns(plain)).toBe(plain);
});
