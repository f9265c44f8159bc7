import { describe, expect, it } from "vitest";
import { quirksOf } from "../../../../src/adapters/quirks/index.ts";
import { messagesRequest } from "../../../../src/adapters/translation/chat-to-messages/request.ts";
import { parseExact } from "../../../../src/wire/json.ts";

const hello = [{ role: "user", content: "hello" }];
const png = "data:image/png;base64,iVBORw0KGgo=";

function translated(body: Record<string, unknown>, model = "claude-sonnet-4-5"): Record<string, unknown> {
  return messagesRequest({ messages: hello, ...body }, model, quirksOf({ type: "anthropic", model }));
}

/** The turns that messages become. */
function turns(...messages: unknown[]): unknown {
  return translated({ messages }).messages;
}

function refusal(body: Record<string, unknown>): unknown {
  try {
    return translated(body);
  } catch (error) {
    const { code, message, details } = error as {
      code: string;
      message: string;
      details: { path: string }[];
    };
    return { code, message, path: details[0]?.path };
  }
}

describe("messages", () => {
  it("puts all system and developer messages on top (case 1)", () => {
    expect(
      translated({
        messages: [
          { role: "system", content: "Be brief." },
          ...hello,
          { role: "developer", content: [{ type: "text", text: "Be kind." }] },
        ],
      }),
    ).toMatchObject({
      system: "Be brief.\n\nBe kind.",
      messages: [{ role: "user", content: [{ type: "text", text: "hello" }] }],
    });
  });

  it("keeps system blocks where one ends the prompt cache (cases 1, 41)", () => {
    const cached = { type: "text", text: "Long.", cache_control: { type: "ephemeral", ttl: "1h" } };
    const { system } = translated({ messages: [{ role: "system", content: [cached] }, ...hello] });
    expect(system).toEqual([cached]);
  });

  it("leaves out empty text, and a message of nothing else (case 2)", () => {
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

  it("refuses system messages alone, and no messages (case 3)", () => {
    expect(refusal({ messages: [{ role: "system", content: "x" }] })).toMatchObject({ path: "/messages" });
    for (const messages of [undefined, null, [], "x"]) {
      expect(refusal({ messages })).toMatchObject({
        code: "invalid_request",
        message: "messages is required",
      });
    }
  });

  it("answers parallel tool calls in one turn, before what the user adds (cases 4, 5, 12)", () => {
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

  it("refuses a tool message that answers no call (case 7)", () => {
    expect(refusal({ messages: [...hello, { role: "tool", content: "x" }] })).toMatchObject({
      path: "/messages/1/tool_call_id",
    });
  });

  it.each([
    ["empty", "", {}],
    ["missing", undefined, {}],
    ["cut off", '{"city":"Zü', { arguments: '{"city":"Zü' }],
    ["a number", "5", { arguments: 5 }],
    ["a list", "[]", { arguments: [] }],
    ["an object", '{"a":{"b":[]}}', { a: { b: [] } }],
  ])("takes arguments that are %s (cases 8, 9, 10)", (_name, text, input) => {
    const tool_calls = [{ id: "c", type: "function", function: { name: "f", arguments: text } }];
    expect(turns(...hello, { role: "assistant", tool_calls })).toMatchObject([{}, { content: [{ input }] }]);
  });

  it("keeps the digits of big integers in arguments (case 11)", () => {
    const tool_calls = [{ id: "c", function: { name: "f", arguments: '{"id":12345678901234567890}' } }];
    const request = translated({ messages: [...hello, { role: "assistant", tool_calls }] });
    expect(JSON.stringify(request)).toContain('"input":{"id":12345678901234567890}');
    expect(parseExact(JSON.stringify(request))).toBeTruthy();
  });

  it("trims an answer to be continued, and no other (case 13)", () => {
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

  it("keeps an earlier refusal as text (case 14)", () => {
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
  ])("takes the image %s and ignores its detail (cases 15, 16, 19)", (url, source) => {
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
  ])("refuses the image %s by name (cases 16, 20)", (url) => {
    expect(
      refusal({ messages: [{ role: "user", content: [{ type: "image_url", image_url: { url } }] }] }),
    ).toMatchObject({
      code: "invalid_request",
      path: "/messages/0/content/0/image_url/url",
    });
  });

  it("takes PDF and text files as documents (case 17)", () => {
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
    ["x", "/messages/0/content/0"],
  ])("refuses the part %j by name (case 18)", (part, path) => {
    expect(refusal({ messages: [{ role: "user", content: [part] }] })).toMatchObject({
      code: "invalid_request",
      path,
    });
  });

  it("replays signed thinking as it was and first, and drops what is unsigned (case 40)", () => {
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

  it("gives a call and its result the same id that Anthropic accepts, and two calls two (case 42)", () => {
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
    for (const id of sent) expect(id).toMatch(/^[a-zA-Z0-9_-]{1,40}$/);
  });

  it("puts a user's name in front of the text", () => {
    expect(turns({ role: "user", name: "ada", content: "hi" })).toMatchObject([
      { content: [{ text: "ada: hi" }] },
    ]);
  });

  it.each([
    [{ role: "function", content: "x" }, "/messages/1/role"],
    [{ role: "assistant", audio: { id: "a" } }, "/messages/1/audio"],
    [{ role: "assistant", tool_calls: [{ type: "custom", id: "c" }] }, "/messages/1/tool_calls/0/type"],
    [{ role: "system", content: [{ type: "image_url", image_url: { url: png } }] }, "/messages/1/content"],
  ])("refuses the message %j by name", (message, path) => {
    expect(refusal({ messages: [...hello, message] })).toMatchObject({ code: "invalid_request", path });
  });

  it("takes back what the SDK made of an earlier answer, with all its nulls", () => {
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

describe("limits and sampling", () => {
  it.each([
    [{}, 64000],
    [{ max_tokens: 9 }, 9],
    [{ max_tokens: 9, max_completion_tokens: 7 }, 7],
    [{ max_tokens: null, max_completion_tokens: null }, 64000],
  ])("%j gives max_tokens %d and no other (cases 21, 22)", (body, expected) => {
    const request = translated(body);
    expect(request.max_tokens).toBe(expected);
    expect(request).not.toHaveProperty("max_completion_tokens");
  });

  it.each([
    ["x", ["x"]],
    [
      ["a", " ", "\n", "b"],
      ["a", "b"],
    ],
    [" ", undefined],
    [null, undefined],
  ])("stop %j gives %j (case 23)", (stop, expected) => {
    expect(translated({ stop }).stop_sequences).toEqual(expected);
  });

  it("clamps the temperature, and sends it rather than top_p (cases 24, 25)", () => {
    expect(translated({ temperature: 1.7, top_p: 0.5 })).toMatchObject({ temperature: 1 });
    expect(translated({ temperature: 1.7, top_p: 0.5 })).not.toHaveProperty("top_p");
    expect(translated({ top_p: 0.5, top_k: 3 })).toMatchObject({ top_p: 0.5, top_k: 3 });
  });

  it("leaves it to Anthropic to refuse what is no number, but for what is added to", () => {
    expect(translated({ temperature: "hot" })).toMatchObject({ temperature: "hot" });
    expect(refusal({ max_tokens: "9" })).toMatchObject({ code: "invalid_request", path: "/max_tokens" });
    expect(refusal({ max_completion_tokens: "9" })).toMatchObject({ path: "/max_completion_tokens" });
  });

  it("sends no sampling to models that refuse it (case 24)", () => {
    for (const model of ["claude-opus-4-7", "claude-sonnet-5", "claude-opus-5-20260801"]) {
      const request = translated({ temperature: 0.2, top_p: 0.5, top_k: 3 }, model);
      expect(Object.keys(request)).toEqual(["model", "max_tokens", "messages"]);
    }
  });

  it.each([
    ["n", 2, 1],
    ["presence_penalty", 0.5, 0],
    ["frequency_penalty", -1, 0],
    ["logit_bias", { 50: 1 }, {}],
    ["logprobs", true, false],
    ["top_logprobs", 3, 0],
    ["modalities", ["text", "audio"], ["text"]],
    ["functions", [{}], []],
    ["verbosity", "low", "medium"],
    ["store", true, false],
  ])("refuses %s %j by name and takes %j, which asks for nothing (cases 26, 27)", (name, value, neutral) => {
    expect(refusal({ [name]: value })).toMatchObject({ code: "invalid_request", path: `/${name}` });
    expect(translated({ [name]: neutral })).toEqual(translated({}));
    expect(translated({ [name]: null })).toEqual(translated({}));
  });

  it.each(["seed", "audio", "web_search_options", "prediction", "function_call", "colour", "__proto__"])(
    "refuses %s by name",
    (name) => {
      const body = JSON.parse(`{"${name}":{"a":1}}`) as Record<string, unknown>;
      body.messages = hello;
      expect(() => messagesRequest(body, "m", {})).toThrow(`${name} has no counterpart`);
    },
  );

  it("drops what leaves the answer the same (case 26)", () => {
    const dropped = {
      metadata: { a: "b" },
      prompt_cache_key: "p",
      prompt_cache_retention: "24h",
      prompt_cache_options: { mode: "implicit" },
      stream_options: { include_usage: true, include_obfuscation: false },
    };
    expect(translated(dropped)).toEqual(translated({}));
  });

  it("passes the user, the stream and Anthropic's own fields (case 28)", () => {
    expect(translated({ user: "u1", stream: true, stream_options: { include_usage: true } })).toMatchObject({
      metadata: { user_id: "u1" },
      stream: true,
    });
    expect(translated({ stream_options: { include_usage: true } })).not.toHaveProperty("stream_options");
    expect(
      translated({ thinking: { type: "enabled", budget_tokens: 2000 }, temperature: 0.3 }),
    ).toMatchObject({
      thinking: { type: "enabled", budget_tokens: 2000 },
    });
    expect(translated({ thinking: { type: "enabled" }, temperature: 0.3 })).not.toHaveProperty("temperature");
  });
});

describe("tools", () => {
  const tool = (fields: object = {}) => ({ type: "function", function: { name: "f", ...fields } });

  it("keeps the schema and everything in it (case 30)", () => {
    const parameters = {
      type: "object",
      properties: { a: { $ref: "#/$defs/A" } },
      $defs: { A: { type: "string", minLength: 1 } },
      additionalProperties: false,
    };
    expect(
      translated({ tools: [tool({ parameters, description: "d", strict: true }), tool()] }).tools,
    ).toEqual([
      { name: "f", description: "d", input_schema: parameters, strict: true },
      { name: "f", input_schema: { type: "object", properties: {} } },
    ]);
  });

  it.each([
    ["auto", { type: "auto" }],
    ["required", { type: "any" }],
    ["none", { type: "none" }],
    [
      { type: "function", function: { name: "f" } },
      { type: "tool", name: "f" },
    ],
  ])("tool_choice %j gives %j, and the tools stay (case 31)", (tool_choice, expected) => {
    expect(translated({ tools: [tool()], tool_choice })).toMatchObject({
      tool_choice: expected,
      tools: [{ name: "f" }],
    });
  });

  it("needs tools for a choice that forces one (case 32)", () => {
    expect(refusal({ tool_choice: "required" })).toMatchObject({ path: "/tool_choice" });
    expect(translated({ tool_choice: "auto", tools: [] })).toEqual(translated({}));
  });

  it("forbids parallel calls within a choice, made up where there is none (case 33)", () => {
    const forbidden = (tool_choice?: string) =>
      translated({ tools: [tool()], parallel_tool_calls: false, tool_choice }).tool_choice;
    expect(forbidden()).toEqual({ type: "auto", disable_parallel_tool_use: true });
    expect(forbidden("required")).toEqual({ type: "any", disable_parallel_tool_use: true });
    expect(forbidden("none")).toEqual({ type: "none" });
    expect(translated({ tools: [tool()], parallel_tool_calls: true })).not.toHaveProperty("tool_choice");
    expect(translated({ parallel_tool_calls: false })).toEqual(translated({}));
  });

  it("needs no tools for a history of them (case 34)", () => {
    const tool_calls = [{ id: "c", function: { name: "f", arguments: "{}" } }];
    const request = translated({
      messages: [
        ...hello,
        { role: "assistant", tool_calls },
        { role: "tool", tool_call_id: "c", content: "x" },
      ],
    });
    expect(request).not.toHaveProperty("tools");
  });

  it("refuses other kinds of tools and choices by name", () => {
    expect(refusal({ tools: [{ type: "custom", custom: {} }] })).toMatchObject({ path: "/tools/0/type" });
    expect(refusal({ tools: [tool({ colour: 1 })] })).toMatchObject({ path: "/tools/0/function/colour" });
    expect(refusal({ tools: [tool()], tool_choice: { type: "allowed_tools" } })).toMatchObject({
      path: "/tool_choice",
    });
  });
});

describe("structured output", () => {
  it("closes objects, turns oneOf into anyOf and limits into words (case 36)", () => {
    const schema = {
      type: "object",
      properties: {
        age: { type: "integer", minimum: 0, description: "Years" },
        pattern: {
          oneOf: [
            { type: "string", pattern: "^a" },
            { type: "object", properties: {} },
          ],
        },
        size: { enum: ["minimum", { pattern: 1 }] },
      },
      required: ["age"],
    };
    const response_format = { type: "json_schema", json_schema: { name: "x", strict: true, schema } };
    expect(translated({ response_format }).output_config).toEqual({
      format: {
        type: "json_schema",
        schema: {
          type: "object",
          properties: {
            age: { type: "integer", description: "Years (minimum: 0)" },
            pattern: {
              anyOf: [
                { type: "string", description: '(pattern: "^a")' },
                { type: "object", properties: {}, additionalProperties: false },
              ],
            },
            size: { enum: ["minimum", { pattern: 1 }] },
          },
          required: ["age"],
          additionalProperties: false,
        },
      },
    });
  });

  it("asks for JSON in words where there is no schema (case 37)", () => {
    const response_format = { type: "json_object" };
    expect(translated({ response_format }).system).toContain("JSON object");
    const cached = { type: "text", text: "x", cache_control: { type: "ephemeral" } };
    expect(
      translated({ response_format, messages: [{ role: "system", content: [cached] }, ...hello] }).system,
    ).toEqual([cached, { type: "text", text: expect.stringContaining("JSON object") }]);
    expect(translated({ response_format: { type: "text" } })).toEqual(translated({}));
    expect(refusal({ response_format: { type: "grammar" } })).toMatchObject({
      path: "/response_format/type",
    });
  });
});

describe("reasoning_effort", () => {
  it.each([
    ["claude-opus-4-6", "minimal", "low"],
    ["claude-opus-4-6", "xhigh", "max"],
    ["claude-opus-4-7", "xhigh", "xhigh"],
    ["us.anthropic.claude-sonnet-5-v1", "medium", "medium"],
  ])("on %s, %s is adaptive thinking with effort %s (case 38)", (model, reasoning_effort, effort) => {
    const request = translated({ reasoning_effort, temperature: 0.5 }, model);
    expect(request).toMatchObject({
      thinking: { type: "adaptive" },
      output_config: { effort },
      max_tokens: 64000,
    });
    expect(request).not.toHaveProperty("temperature");
  });

  it.each([
    "claude-haiku-4-5-20251001",
    "claude-sonnet-4-20250514",
    "claude-3-7-sonnet-latest",
    "deepseek-v4-pro",
  ])("on %s it is a budget, for which max_tokens is raised (case 39)", (model) => {
    const request = translated(
      { reasoning_effort: "low", max_tokens: 100, temperature: 0.5, top_k: 3 },
      model,
    );
    expect(request).toMatchObject({ thinking: { type: "enabled", budget_tokens: 1024 }, max_tokens: 1124 });
    expect(request).not.toHaveProperty("temperature");
    expect(request).not.toHaveProperty("top_k");
    expect(request).not.toHaveProperty("output_config");
  });

  it("is off for none, and where a tool is forced (cases 35, 38)", () => {
    expect(translated({ reasoning_effort: "none", temperature: 0.5 })).toMatchObject({
      thinking: { type: "disabled" },
      temperature: 0.5,
    });
    const forced = {
      tools: [{ type: "function", function: { name: "f" } }],
      tool_choice: "required",
      reasoning_effort: "high",
    };
    expect(translated(forced)).not.toHaveProperty("thinking");
    expect(translated(forced, "claude-opus-4-6")).not.toHaveProperty("thinking");
    expect(refusal({ reasoning_effort: "heroic" })).toMatchObject({ path: "/reasoning_effort" });
  });
});
