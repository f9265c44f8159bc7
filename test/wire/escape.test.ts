import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { yamlText } from "../../src/cli/output/yaml.ts";
import { escapeBlock, escapeLine, jsonText } from "../../src/wire/text.ts";

describe("escapes (T42)", () => {
  it("make characters visible that move the cursor, change colours, fake a line or reverse the text", () => {
    expect(escapeLine("a\u001b[31mb\r\nc\td\u0000\u009b\u2028\u202e")).toBe(
      "a\\e[31mb\\r\\nc\\td\\u0000\\u009b\\u2028\\u202e",
    );
    expect(escapeBlock("a\r\nb\tc\u001b\rd\u202e")).toBe("a\nb\tc\\e\\rd\\u202e");
    expect(escapeLine("Grüße 模型 👩‍👩‍👧")).toBe("Grüße 模型 👩‍👩‍👧");
  });

  it.each([
    [
      "marks and overrides of the direction",
      "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069",
    ],
    ["spaces and joiners without width", "\u00ad\u200b\u200c\u200d\u2060\ufeff\u180e"],
    ["line and paragraph separators", "\u2028\u2029"],
    ["control characters", "\u0000\u0007\b\u000b\f\u001b\u007f\u0080\u0085\u009b\u009c"],
    ["tags, which write invisible text", "\u{e0041}\u{e007f}"],
    ["half characters", "\ud800"],
  ])("make visible: %s", (_, text) => {
    for (const shown of [escapeLine(`a${text}b`), escapeBlock(`a${text}b`)])
      expect(shown).toMatch(/^[ -~]+$/);
    const json = jsonText({ [text]: text });
    expect(json).toMatch(/^[ -~\n]+$/);
    expect(JSON.parse(json)).toEqual({ [text]: text });
    const yaml = yamlText({ a: text, [text]: 1 });
    expect(yaml).toMatch(/^[ -~\n]+$/);
    expect(parse(yaml)).toEqual({ a: text, [text]: 1 });
  });

  it("leave joiners inside an emoji and inside words of the scripts that need them", () => {
    for (const text of ["👩🏽‍🚀", "❤️‍🔥", "می‌خواهم", "क्‍ष"]) {
      expect(escapeLine(text)).toBe(text);
      expect(jsonText(text)).toBe(`"${text}"\n`);
    }
    expect(escapeLine("admin\u200d👩")).toBe("admin\\u200d👩");
  });
});
