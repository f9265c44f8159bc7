import { describe, expect, it } from "vitest";
import { parseExact } from "../../../../src/wire/exact-json.ts";
import { hello, refusal, translated, turns } from "./translated.ts";

const png = "data:image/png;base64,iVBORw0KGgo=";

describe("the conversation of a chat request, translated to messages", () => {
  it("joins the first system and developer messages to one system prompt (case 1)", () => {
    expect(
      translated({
        messages: [
          { role: "system", content: "Be brief." },
          { role: "developer", content: [{ type: "text", text: "Be kind." }] },
          ...hello,
        ],
      }),
    ).toMatchObject({
      system: "Be brief.\n\nBe kind.",
      messages: [{ role: "user", content: [{ type: "text", text: "hello" }] }],
    });
  });

  it("keeps system blocks apart when one has a mark of the prompt cache (cases 1, 41)", () => {
    const cached = { type: "text", text: "Long.", cache_control: { type: "ephemeral", ttl: "1h" } };
    const { system } = translated({ messages: [{ role: "system", content: [cached] }, ...hello] });
    expect(system).toEqual([cached]);
  });

  it("has no empty text, and no message without other content (case 2)", () => {
    expect(
      turns(
        { role: "user", content: [{ type: "text", text: " \n" }] },
        { role: "assistant", content: "" },
        {
          role: "user",
          content: [
            { type: "text", text: "" },
            { type: "text", text: "hi" },
          ],
        },
      ),
    ).toEqual([{ role: "user", content: [{ type: "text", text: "hi" }] }]);
  });

  it("is refused with system messages only, and without messages (case 3)", () => {
    expect(refusal({ messages: [{ role: "system", content: "x" }] })).toMatchObject({ path: "/messages" });
    for (const messages of [undefined, null, [], "x"]) {
      expect(refusal({ messages })).toMatchObject({
        code: "invalid_request",
        message: "messages is required",
      });
    }
  });

  it("has the results of parallel tool calls in one turn, before the user's own content (cases 4, 5, 12)", () => {
    const call = (id: string) => ({ id, type: "function", function: { name: "f", arguments: '{"x":1}' } });
    expect(
      turns(
        { role: "user", content: "a" },
        { role: "user", content: "b" },
        { role: "assistant", content: null, tool_calls: [call("c1"), call("c2")] },
        { role: "tool", tool_call_id: "c1", content: "one" },
        { role: "user", content: "and?" },
        {
          role: "tool",
          tool_call_id: "c2",
          content: [
            { type: "text", text: "two" },
            { type: "image_url", image_url: { url: png } },
          ],
        },
      ),
    ).toEqual([
      {
        role: "user",
        content: [
          { type: "text", text: "a" },
          { type: "text", text: "b" },
        ],
      },
      {
        role: "assistant",
        content: [
          { type: "tool_use", id: "c1", name: "f", input: { x: 1 } },
          { type: "tool_use", id: "c2", name: "f", input: { x: 1 } },
        ],
      },
      {
        role: "user",
        content: [
          { type: "tool_result", tool_use_id: "c1", content: [{ type: "text", text: "one" }] },
          {
            type: "tool_result",
            tool_use_id: "c2",
            // Images in results stay images (case 6).
            content: [
              { type: "text", text: "two" },
              { type: "image", source: { type: "base64", media_type: "image/png", data: "iVBORw0KGgo=" } },
            ],
          },
          { type: "text", text: "and?" },
        ],
      },
    ]);
  });

  it("is refused with a tool message that has no tool_call_id (case 7)", () => {
    expect(refusal({ messages: [...hello, { role: "tool", content: "x" }] })).toMatchObject({
      path: "/messages/1/tool_call_id",
    });
  });

  it.each([
    ["empty", "", {}],
    ["missing", undefined, {}],
    ["cut off", '{"city":"Zü', { INVALID_JSON: '{"city":"Zü' }],
    ["a number", "5", { INVALID_JSON: "5" }],
    ["a list", "[]", { INVALID_JSON: "[]" }],
    ["an object", '{"a":{"b":[]}}', { a: { b: [] } }],
  ])("makes an object of arguments that are %s (cases 8, 9, 10)", (_name, text, input) => {
    const tool_calls = [{ id: "c", type: "function", function: { name: "f", arguments: text } }];
    expect(turns(...hello, { role: "assistant", tool_calls })).toMatchObject([{}, { content: [{ input }] }]);
  });

  it("keeps the digits of big integers in arguments (case 11)", () => {
    const tool_calls = [{ id: "c", function: { name: "f", arguments: '{"id":12345678901234567890}' } }];
    const request = translated({ messages: [...hello, { role: "assistant", tool_calls }] });
    expect(JSON.stringify(request)).toContain('"input":{"id":12345678901234567890}');
    expect(parseExact(JSON.stringify(request))).toBeTruthy();
  });

  it("has white space removed from the end of an answer to be continued, and of no other (case 13)", () => {
    expect(
      turns(
        { role: "user", content: "a " },
        { role: "assistant", content: "b " },
        { role: "user", content: "c " },
        { role: "assistant", content: "{ \n" },
      ),
    ).toMatchObject([
      { content: [{ text: "a " }] },
      { content: [{ text: "b " }] },
      { content: [{ text: "c " }] },
      { content: [{ text: "{" }] },
    ]);
  });

  it("has an earlier refusal as text (case 14)", () => {
    const expected = [{}, { content: [{ type: "text", text: "No." }] }];
    expect(
      turns(...hello, { role: "assistant", content: [{ type: "refusal", refusal: "No." }] }),
    ).toMatchObject(expected);
    expect(turns(...hello, { role: "assistant", content: null, refusal: "No." })).toMatchObject(expected);
  });

  it.each([
    [png, { type: "base64", media_type: "image/png", data: "iVBORw0KGgo=" }],
    ["data:image/PNG;charset=x;base64,AAAA", { type: "base64", media_type: "image/png", data: "AAAA" }],
    ["data:image/jpg;base64,AAAA", { type: "base64", media_type: "image/jpeg", data: "AAAA" }],
    ["https://example.com/a.svg", { type: "url", url: "https://example.com/a.svg" }],
  ])("has the image %s without its detail (cases 15, 16, 19)", (url, source) => {
    expect(
      turns({ role: "user", content: [{ type: "image_url", image_url: { url, detail: "high" } }] }),
    ).toEqual([{ role: "user", content: [{ type: "image", source }] }]);
  });

  it.each([
    "http://example.com/a.png",
    "gs://bucket/a.png",
    "file:///etc/passwd",
    "data:image/svg+xml;base64,AAAA",
    "data:image/tiff;base64,AAAA",
    "data:image/png,raw",
    "data:",
  ])("is refused with the image %s, by its path (cases 16, 20)", (url) => {
    expect(
      refusal({ messages: [{ role: "user", content: [{ type: "image_url", image_url: { url } }] }] }),
    ).toMatchObject({
      code: "invalid_request",
      path: "/messages/0/content/0/image_url/url",
    });
  });

  it("has PDF and text files as documents (case 17)", () => {
    const pdf = "data:application/pdf;base64,JVBERi0=";
    expect(
      turns({
        role: "user",
        content: [
          { type: "file", file: { file_data: pdf, filename: "a.pdf" } },
          { type: "image_url", image_url: { url: pdf } },
          {
            type: "file",
            file: { file_data: `data:text/plain;base64,${Buffer.from("Grüße").toString("base64")}` },
          },
        ],
      }),
    ).toMatchObject([
      {
        content: [
          { type: "document", source: { media_type: "application/pdf", data: "JVBERi0=" }, title: "a.pdf" },
          { type: "document", source: { type: "base64", media_type: "application/pdf" } },
          { type: "document", source: { type: "text", media_type: "text/plain", data: "Grüße" } },
        ],
      },
    ]);
  });

  it.each([
    [{ type: "input_audio", input_audio: {} }, "/messages/0/content/0/type"],
    [{ type: "file", file: { file_id: "file-1" } }, "/messages/0/content/0/file/file_id"],
    [{ type: "text", text: "x", colour: "red" }, "/messages/0/content/0/colour"],
    [{ type: "text" }, "/messages/0/content/0/text"],
    [7, "/messages/0/content/0"],
  ])("is refused with the part %j, by its path (case 18)", (part, path) => {
    expect(refusal({ messages: [{ role: "user", content: [part] }] })).toMatchObject({
      code: "invalid_request",
      path,
    });
  });

  it("has signed thinking first and unchanged, and no unsigned thinking (case 40)", () => {
    const signed = { type: "thinking", thinking: "hm", signature: "sig" };
    const redacted = { type: "redacted_thinking", data: "xyz" };
    expect(
      turns(...hello, {
        role: "assistant",
        content: "4",
        reasoning_content: "hm",
        thinking_blocks: [signed, redacted, { type: "thinking", thinking: "unsigned" }],
      }),
    ).toMatchObject([{}, { content: [signed, redacted, { type: "text", text: "4" }] }]);
  });

  it("has one valid id for a call and its result, and another one for another call (case 42)", () => {
    const ids = ["functions.get:0", "functions:get.0", "plain"];
    const tool_calls = ids.map((id) => ({ id, function: { name: "get" } }));
    const results = ids.map((tool_call_id) => ({ role: "tool", tool_call_id, content: "" }));
    const [, calls, answers] = turns(...hello, { role: "assistant", tool_calls }, ...results) as {
      content: { id: string; tool_use_id: string }[];
    }[];
    const sent = calls!.content.map(({ id }) => id);
    expect(answers!.content.map(({ tool_use_id }) => tool_use_id)).toEqual(sent);
    expect(new Set(sent).size).toBe(3);
    expect(sent[2]).toBe("plain");
    for (const id of sent) expect(id).toMatch(/^[a-zA-Z0-9_-]{1,64}$/);
  });

  it("has a user's name in front of the text", () => {
    expect(turns({ role: "user", name: "ada", content: "hi" })).toMatchObject([
      { content: [{ text: "ada: hi" }] },
    ]);
  });

  it.each([
    [{ role: "critic", content: "x" }, "/messages/1/role"],
    [{ role: "function", content: "x" }, "/messages/1/tool_call_id"],
    [{ role: "system", content: [{ type: "image_url", image_url: { url: png } }] }, "/messages/1/content"],
  ])("is refused with the message %j, by its path", (message, path) => {
    expect(refusal({ messages: [...hello, message] })).toMatchObject({ code: "invalid_request", path });
  });

  it("may contain an earlier answer as the SDK returns it, with all its nulls", () => {
    const echoed = {
      role: "assistant",
      content: "4",
      refusal: null,
      annotations: [],
      audio: null,
      function_call: null,
      tool_calls: null,
    };
    expect(turns(...hello, echoed)).toMatchObject([{}, { content: [{ type: "text", text: "4" }] }]);
  });
});
