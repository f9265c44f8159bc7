import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { translationFor } from "../../src/adapters/translation/index.ts";
import { type CutSizes, cutLongTexts } from "../../src/wire/cut-long-texts.ts";
import type { Dialect } from "../../src/wire/dialects/types.ts";

const sizes: CutSizes = { longest: 40, head: 8, tail: 4, piece: 16 };

/** Cuts JSON and puts it together again. */
async function cut(json: string, used = sizes) {
  const found = await cutLongTexts(Buffer.from(json), used);
  const rest = found ? found.rest.toString() : json;
  const again = found ? Buffer.concat(await found.long.parts(rest)).toString() : json;
  return { found, rest, again };
}

const prose =
  "The quick brown fox jumps over the lazy dog, and 東京の犬は眠っている👋 all the while. ".repeat(3);

describe("cutLongTexts", () => {
  it.each(["text", "content", "system", "input", "output", "data", "url", "image_url", "file_data"])(
    "cuts a long %s, and returns the same bytes again",
    async (key) => {
      const json = `{ "model" : "gpt", "messages": [{"${key}"\n:\t${JSON.stringify(prose)} , "role":"user"}], "n": 1.0 }`;
      const { found, rest, again } = await cut(json);
      expect(rest.length).toBeLessThan(json.length);
      expect(rest).not.toContain("lazy");
      expect(again).toBe(json);
      expect(found!.long.bytes(rest).toString()).toBe(json);
      const value = JSON.parse(rest).messages[0][key] as string;
      expect(value.length + found!.long.characters - prose.length).toBe(value.match(/<\u0001.*>/)![0].length);
      expect(value.startsWith(prose.slice(0, 8))).toBe(true);
    },
  );

  it.each(["arguments", "signature", "encrypted_content", "id", "model", "instructions"])(
    "leaves %s alone, which somebody else reads",
    async (key) => {
      expect((await cut(JSON.stringify({ a: [{ [key]: prose }] }))).found).toBeUndefined();
    },
  );

  it("leaves short texts, texts in lists, and files whose text a translation reads", async () => {
    const file = `data:text/plain;base64,${"QUJD".repeat(40)}`;
    const body = {
      content: "x".repeat(40),
      input: [prose],
      file_data: file,
      b: { file_data: file.toUpperCase() },
    };
    expect((await cut(JSON.stringify(body), { ...sizes, head: 30 })).found).toBeUndefined();
  });

  it.each([
    ["a wrong escape", `${prose}\\x${prose}`],
    ["half an escape", `${prose}\\u12${prose}`],
    ["a line end", `${prose}\n${prose}`],
  ])("leaves a text with %s to who parses it", async (_fault, text) => {
    const { found, rest } = await cut(`{"content":"${text}"}`);
    expect(found).toBeUndefined();
    expect(() => JSON.parse(rest)).toThrow(SyntaxError);
  });

  it("leaves a text that is not UTF-8", async () => {
    const bytes = Buffer.concat([
      Buffer.from('{"content":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'),
      Buffer.from([0xff]),
      Buffer.from('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}'),
    ]);
    expect(await cutLongTexts(bytes, sizes)).toBeUndefined();
  });

  it("makes half a surrogate pair well-formed, and keeps whole ones", async () => {
    const json = `{"content":"${"word ".repeat(8)}\\ud83d ${"\\ud83d\\udc4b".repeat(8)}\\\\ud83d ${"word ".repeat(20)}"}`;
    const { found, again } = await cut(json);
    expect(found).toBeDefined();
    expect(again).toBe(json.replace("\\ud83d ", "\\ufffd "));
  });

  it("takes no mark of another request, or of a caller, for its own", async () => {
    const { rest: forged } = await cut(JSON.stringify({ content: prose }));
    const json = `{"content":${JSON.stringify(prose)},"b":"<\\u0001.0>","c":${forged}}`;
    const { again } = await cut(json);
    expect(again).toBe(json);
  });

  it("ends where there is nothing but quotes, backslashes or brackets", async () => {
    for (const text of [
      '"'.repeat(100_000),
      `"${"\\".repeat(100_000)}`,
      "[".repeat(100_000),
      "",
      '"',
      '{"content":"x',
    ])
      expect((await cut(text)).found).toBeUndefined();
  });

  it("puts any JSON together again", async () => {
    const word = fc.oneof(
      fc.string({ unit: "binary", minLength: 0, maxLength: 80 }),
      fc.stringMatching(/^[a-z"\\{}\n東👋]{0,200}$/u),
    );
    const key = fc.constantFrom("content", "text", "data", "arguments", "a");
    const value = fc.letrec((tie) => ({
      any: fc.oneof({ depthSize: "small" }, word, fc.integer(), tie("list"), tie("object")),
      list: fc.array(tie("any"), { maxLength: 4 }),
      object: fc.dictionary(key, tie("any"), { maxKeys: 4 }),
    }));
    await fc.assert(
      fc.asyncProperty(value.object, async (body) => {
        const json = JSON.stringify(body);
        const { again } = await cut(json);
        expect(JSON.parse(again)).toEqual(JSON.parse(json.toWellFormed()));
      }),
      { numRuns: 40 },
    );
  });
});

describe("a translated request from which long texts are cut", () => {
  const call = {
    id: "call_1",
    type: "function",
    function: { name: "write", arguments: JSON.stringify({ content: prose }) },
  };
  const chat = {
    messages: [
      { role: "system", content: prose },
      {
        role: "user",
        content: [
          { type: "text", text: prose },
          { type: "image_url", image_url: { url: `data:image/png;base64,${"iVBORw0K".repeat(9)}` } },
        ],
      },
      { role: "assistant", content: null, tool_calls: [call] },
      { role: "tool", tool_call_id: "call_1", content: `${prose}"quoted" \\ back\n` },
      {
        role: "user",
        content: [
          {
            type: "file",
            file: { file_data: `data:text/plain;base64,${Buffer.from(prose).toString("base64")}` },
          },
        ],
      },
    ],
  };
  const messages = {
    max_tokens: 9,
    system: [{ type: "text", text: prose }],
    messages: [
      {
        role: "user",
        content: [
          { type: "image", source: { type: "base64", media_type: "image/png", data: "iVBORw0K".repeat(9) } },
        ],
      },
      {
        role: "assistant",
        content: [
          {
            type: "tool_use",
            id: "t1",
            name: "write",
            input: { content: `${prose}"quoted"\n\\`, path: "x" },
          },
        ],
      },
      {
        role: "user",
        content: [{ type: "tool_result", tool_use_id: "t1", content: [{ type: "text", text: prose }] }],
      },
    ],
  };
  const responses = {
    input: [
      {
        role: "user",
        content: [
          { type: "input_text", text: prose },
          { type: "input_image", image_url: `data:image/png;base64,${"iVBORw0K".repeat(9)}` },
        ],
      },
      { type: "function_call", call_id: "c1", name: "write", arguments: JSON.stringify({ text: prose }) },
      { type: "function_call_output", call_id: "c1", output: prose },
    ],
  };

  it.each<[Dialect, Dialect, object]>([
    ["chat", "messages", chat],
    ["chat", "responses", chat],
    ["messages", "chat", messages],
    ["messages", "responses", messages],
    ["responses", "chat", responses],
    ["responses", "messages", responses],
  ])("is the same as the whole one, from %s to %s", async (caller, provider, body) => {
    let id = 0;
    const translated = (request: object) => {
      id = 0;
      const { request: translate } = translationFor(
        caller,
        provider,
        () => 0,
        () => `id_${id++}`,
      )!;
      return JSON.stringify(translate(request as never, "model", {}));
    };
    const { found, rest } = await cut(JSON.stringify(body), { ...sizes, head: 30 });
    expect(found!.long.characters).toBeGreaterThan(0);
    const whole = translated(body);
    const sent = Buffer.concat(await found!.long.parts(translated(JSON.parse(rest)))).toString();
    expect(sent).toBe(whole);
    expect(JSON.parse(sent)).toEqual(JSON.parse(whole));
  });
});
