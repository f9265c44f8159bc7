import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { countInputTokens } from "../../../src/adapters/tokens/count-input-tokens.ts";
import { countTokens } from "../../../src/adapters/tokens/count-tokens.ts";
import { estimateTokens } from "../../../src/adapters/tokens/token-estimate.ts";

const textOf = (name: string) =>
  readFileSync(`${import.meta.dirname}/../../fixtures/texts/${name}.txt`, "utf8");
const user = (content: unknown) => ({ messages: [{ role: "user", content }] });
const tokensOf = (content: unknown) => countTokens(user(content)).input_tokens;

describe("an estimate of tokens", () => {
  // Counted with gpt-tokenizer 2.9.0.
  it.each([
    ["english", 276, 278],
    ["german", 371, 453],
    ["code", 228, 227],
  ])("is within 15 %% of o200k and cl100k: %s", (name, o200k, cl100k) => {
    const estimate = estimateTokens(textOf(name));
    for (const counted of [o200k, cl100k]) {
      expect(estimate / counted).toBeGreaterThan(0.85);
      expect(estimate / counted).toBeLessThan(1.15);
    }
  });

  it("does not shrink when text is added, and is in proportion to the bytes", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), fc.string({ unit: "grapheme" }), (one, two) => {
        const both = estimateTokens(one + two);
        expect(both).toBeGreaterThanOrEqual(estimateTokens(one) - 2);
        expect(both).toBeLessThanOrEqual(Buffer.byteLength(one + two) + 2);
        expect(both).toBeGreaterThanOrEqual(0);
      }),
    );
  });

  it.each([
    ["German", textOf("german")],
    ["one word", "a"],
    ["blanks", "  a"],
    ["blanks without a line end", " "],
    ["marks", "{}"],
    ["ideographs", "東京"],
    ["emoji", "👋🏽"],
  ])("takes time in proportion to the text, such as a megabyte of %s", (_name, piece) => {
    const text = piece.repeat(Math.ceil(1_000_000 / piece.length)).slice(0, 1_000_000);
    const from = performance.now();
    expect(estimateTokens(text)).toBeGreaterThan(0);
    // Some 10 ms. Time in the square of the length would be a quarter of an hour.
    expect(performance.now() - from).toBeLessThan(60_000);
  });
});

describe("count_tokens", () => {
  it("counts system, messages and tools, each a little more than its text", () => {
    const bare = countTokens(user("hello")).input_tokens;
    const text = textOf("english");
    const tool = { name: "get_weather", description: text, input_schema: { type: "object" } };
    const more = (rest: object) => countTokens({ ...user("hello"), ...rest }).input_tokens - bare;
    const words = estimateTokens(text);
    expect(bare).toBeLessThan(12);
    expect(more({ system: text })).toBe(words);
    expect(more({ system: [{ type: "text", text }] })).toBe(words);
    expect(more({ tools: [tool, tool] })).toBe(2 * more({ tools: [tool] }));
    expect(more({ tools: [tool] })).toBeGreaterThan(words);
  });

  it("counts tool calls with their arguments and results", () => {
    const text = textOf("english");
    const bare = tokensOf([]);
    for (const block of [
      { type: "tool_use", id: "1", name: "f", input: { text } },
      { type: "tool_result", tool_use_id: "1", content: [{ type: "text", text }] },
      { type: "thinking", thinking: text, signature: "s" },
      { type: "document", source: { type: "text", media_type: "text/plain", data: text } },
      { type: "something_new", words: text },
    ]) {
      expect(tokensOf([block]) - bare, block.type).toBeGreaterThanOrEqual(estimateTokens(text));
      expect(tokensOf([block]) - bare, block.type).toBeLessThan(1.3 * estimateTokens(text));
    }
    expect(tokensOf([{ type: "redacted_thinking", data: text }])).toBe(bare);
  });

  const png = (width: number, height: number) => {
    const bytes = Buffer.alloc(64);
    bytes.write("\x89PNG\r\n\x1a\n", "latin1");
    bytes.writeUInt32BE(width, 16);
    bytes.writeUInt32BE(height, 20);
    return bytes;
  };
  const gif = Buffer.alloc(64);
  gif.write("GIF89a");
  gif.writeUInt16LE(300, 6);
  gif.writeUInt16LE(200, 8);
  const webp = Buffer.alloc(64);
  webp.write("RIFF");
  webp.write("WEBPVP8X", 8);
  webp.writeUIntLE(299, 24, 3);
  webp.writeUIntLE(199, 27, 3);
  const jpeg = Buffer.alloc(256);
  // A head of 40 bytes, then the frame with height and width.
  jpeg.set([0xff, 0xd8, 0xff, 0xe0, 0, 40]);
  jpeg.set([0xff, 0xc2, 0, 17, 8, 0, 200, 1, 44], 44);

  it.each([
    ["PNG", png(300, 200), 80],
    ["GIF", gif, 80],
    ["WebP", webp, 80],
    ["JPEG", jpeg, 80],
    ["one larger than is looked at", png(15_680, 7_840), 1_600],
    ["a narrow one, scaled to its longest edge", png(15_680, 1_000), 210],
    ["one of no size", png(0, 0), 1],
    ["no image at all", Buffer.alloc(64), 1_600],
  ])("counts an image by its size: %s", (_name, bytes, expected) => {
    const image = (data: string) => ({
      type: "image",
      source: { type: "base64", media_type: "image/png", data },
    });
    expect(tokensOf([image(bytes.toString("base64"))]) - tokensOf([])).toBe(expected);
  });

  it("counts an image of unknown size as the largest one, and a PDF by its pages", () => {
    const bare = tokensOf([]);
    expect(tokensOf([{ type: "image", source: { type: "url", url: "https://x/a.png" } }]) - bare).toBe(1_600);
    const data = Buffer.alloc(120_000).toString("base64");
    expect(tokensOf([{ type: "document", source: { type: "base64", data } }]) - bare).toBe(6_000);
    expect(tokensOf([{ type: "document", source: { type: "url", url: "https://x" } }]) - bare).toBe(2_000);
  });

  it("is never less than 1, also for odd values in the request", () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), (content) => {
        const { input_tokens } = countTokens({ ...user(content), system: content });
        expect(Number.isInteger(input_tokens) && input_tokens >= 1).toBe(true);
      }),
    );
  });

  it.each([{}, { messages: [] }, { messages: "hello" }])("needs messages: %j", (body) => {
    expect(() => countTokens(body)).toThrow("messages is required");
  });
});

describe("an estimate of the tokens of a responses request", () => {
  const counted = (input: unknown, more: object = {}) => countInputTokens({ input, ...more }).input_tokens;

  it("is that of the same conversation in messages", () => {
    const words = textOf("english");
    expect(counted(words)).toBe(tokensOf(words));
    expect(counted([{ role: "user", content: [{ type: "input_text", text: words }] }])).toBe(tokensOf(words));
  });

  it("counts instructions, tools, calls, results and pictures", () => {
    const least = counted("x");
    expect(counted("x", { instructions: "one two three" })).toBeGreaterThan(least);
    expect(counted("x", { tools: [{ type: "function", name: "f" }] })).toBeGreaterThan(least + 8);
    const call = { type: "function_call", call_id: "c", name: "f", arguments: '{"a":1}' };
    expect(counted([call])).toBeGreaterThan(least);
    const picture = { type: "input_image", image_url: "https://x/y.png" };
    expect(counted([{ role: "user", content: [picture] }])).toBeGreaterThan(1_000);
    expect(counted([{ type: "function_call_output", call_id: "c", output: textOf("code") }])).toBeGreaterThan(
      180,
    );
  });

  it("needs an input", () => {
    expect(() => countInputTokens({})).toThrow("input is required");
  });
});
