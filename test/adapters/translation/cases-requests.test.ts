import { describe, expect, it } from "vitest";
import { parseExact } from "../../../src/wire/exact-json.ts";
import {
  budgeted,
  call,
  hello,
  image,
  inputOf,
  latest,
  old,
  part,
  refusedAt,
  sent,
  text,
  translation,
  turns,
} from "./chat-requests.ts";

/** Translation cases by number: chat requests, translated for Anthropic. */

describe("messages", () => {
  it("case 1: the first system and developer messages become one system on top", () => {
    const messages = [
      { role: "system", content: "A" },
      { role: "developer", content: [text("B")] },
      hello,
      { role: "system", content: "C" },
      { role: "user", content: "more" },
    ];
    expect(sent({ messages })).toMatchObject({
      system: "A\n\nB",
      messages: [{ role: "user", content: [text("hello"), text("<system>\nC\n</system>"), text("more")] }],
    });
    expect(sent({ messages }, "claude-opus-5")).toMatchObject({
      system: "A\n\nB",
      messages: [
        { role: "user", content: [text("hello")] },
        { role: "system", content: [text("C")] },
        { role: "user", content: [text("more")] },
      ],
    });
    const cached = { ...text("A"), cache_control: { type: "ephemeral" } };
    expect(sent({ messages: [{ role: "system", content: [cached] }, hello] }).system).toEqual([cached]);
  });

  it("case 2: empty text is left out, and a message of nothing else", () => {
    const blank = { role: "assistant", content: " \n" };
    expect(turns(blank, { role: "user", content: [text(""), text("x")] })).toEqual([
      { role: "user", content: [text("x")] },
    ]);
  });

  it("case 3: system messages alone are refused", () => {
    expect(refusedAt({ messages: [{ role: "system", content: "A" }] })).toBe("/messages");
  });

  it("case 4: results of parallel calls are one turn, with the user's next words in it", () => {
    const tool_calls = [call("a"), call("b"), call("c")];
    const results = ["a", "b", "c"].map((id) => ({ role: "tool", tool_call_id: id, content: id }));
    const made = turns(hello, { role: "assistant", tool_calls }, ...results, {
      role: "user",
      content: "so?",
    });
    expect(made).toHaveLength(3);
    expect(made[2].content).toMatchObject([
      { type: "tool_result", tool_use_id: "a" },
      { type: "tool_result", tool_use_id: "b" },
      { type: "tool_result", tool_use_id: "c" },
      text("so?"),
    ]);
  });

  it("case 5: consecutive messages of a role are merged", () => {
    expect(
      turns(hello, hello, { role: "assistant", content: "x" }, { role: "assistant", content: "y" }),
    ).toEqual([
      { role: "user", content: [text("hello"), text("hello")] },
      { role: "assistant", content: [text("x"), text("y")] },
    ]);
  });

  it("case 6: a tool's content in parts becomes blocks, images among them", () => {
    const content = [text("t"), { type: "image_url", image_url: { url: "https://x.test/a.png" } }];
    const asked = { role: "assistant", tool_calls: [{ id: "a", function: { name: "f" } }] };
    expect(turns(hello, asked, { role: "tool", tool_call_id: "a", content })[2].content[0].content).toEqual([
      text("t"),
      { type: "image", source: { type: "url", url: "https://x.test/a.png" } },
    ]);
  });

  it("case 7: a tool message without an id is refused", () => {
    for (const tool_call_id of [undefined, ""]) {
      expect(refusedAt({ messages: [hello, { role: "tool", tool_call_id, content: "x" }] })).toBe(
        "/messages/1/tool_call_id",
      );
    }
  });

  it("case 8: empty arguments are an empty object", () => {
    expect([inputOf(""), inputOf(undefined)]).toEqual([{}, {}]);
  });

  it("case 9: arguments that are no JSON are wrapped", () => {
    expect(inputOf('{"city":"Zü')).toEqual({ INVALID_JSON: '{"city":"Zü' });
  });

  it("case 10: arguments that are no object are wrapped", () => {
    expect(["5", "[]", "null", '"x"'].map(inputOf)).toEqual([
      { INVALID_JSON: "5" },
      { INVALID_JSON: "[]" },
      { INVALID_JSON: "null" },
      { INVALID_JSON: '"x"' },
    ]);
  });

  it("case 11: integers beyond 2^53 keep their digits", () => {
    const tool_calls = [call("c", '{"id":9007199254740993,"deep":[{"n":-12345678901234567890}]}')];
    const request = translation.request(
      { messages: [hello, { role: "assistant", tool_calls }] },
      budgeted,
      {},
    );
    expect(JSON.stringify(request)).toContain(
      '"input":{"id":9007199254740993,"deep":[{"n":-12345678901234567890}]}',
    );
    const schema = '{"type":"object","properties":{"id":{"type":"integer","enum":[9007199254740993]}}}';
    const body = parseExact(
      `{"messages":[{"role":"user","content":"x"}],"tools":[{"type":"function","function":{"name":"f","parameters":${schema}}}]}`,
    ) as Record<string, unknown>;
    expect(JSON.stringify(translation.request(body, budgeted, {}))).toContain(schema);
  });

  it("case 12: content null beside tool calls leaves the calls alone", () => {
    expect(turns(hello, { role: "assistant", content: null, tool_calls: [call("c")] })[1].content).toEqual([
      { type: "tool_use", id: "c", name: "f", input: {} },
    ]);
  });

  it("case 13: an answer to be continued loses the white space at its end", () => {
    expect(turns(hello, { role: "assistant", content: "{ \n" })[1].content).toEqual([text("{")]);
  });

  it("case 14: a refusal in the history is text", () => {
    const refusal = { role: "assistant", content: [{ type: "refusal", refusal: "No." }] };
    expect(turns(hello, refusal)[1].content).toEqual([text("No.")]);
  });

  it("case 15: a data URL is a base64 source, with a charset too", () => {
    const source = { type: "base64", media_type: "image/png", data: "AAAA" };
    for (const url of ["data:image/png;base64,AAAA", "data:image/png;charset=x;base64,AAAA"]) {
      expect(turns(...image(url))[0].content).toEqual([{ type: "image", source }]);
    }
  });

  it("case 16: an https image is a link, and other links are refused", () => {
    const url = "https://x.test/a.png";
    expect(turns(...image(url))[0].content[0].source).toEqual({ type: "url", url });
    for (const bad of ["http://x.test/a.png", "gs://b/a.png", "file:///etc/passwd"]) {
      expect(refusedAt({ messages: image(bad) })).toBe("/messages/0/content/0/image_url/url");
    }
  });

  it("case 17: PDF and plain text are documents", () => {
    const file = (file_data: string) => part({ type: "file", file: { file_data, filename: "a" } });
    const pdf = { type: "base64", media_type: "application/pdf", data: "JVBERi0=" };
    expect(turns(...file("data:application/pdf;base64,JVBERi0="))[0].content).toEqual([
      { type: "document", source: pdf, title: "a" },
    ]);
    expect(turns(...image("data:application/pdf;base64,JVBERi0="))[0].content).toEqual([
      { type: "document", source: pdf },
    ]);
    expect(turns(...file("data:text/plain;base64,R3LDvMOfZQ=="))[0].content[0].source).toEqual({
      type: "text",
      media_type: "text/plain",
      data: "Grüße",
    });
  });

  it("case 18: audio is refused", () => {
    const audio = { type: "input_audio", input_audio: { data: "AAAA", format: "wav" } };
    expect(refusedAt({ messages: part(audio) })).toBe("/messages/0/content/0/type");
  });

  it("case 19: an image's detail is ignored", () => {
    expect(JSON.stringify(sent({ messages: image("https://x.test/a.png") }))).not.toContain("detail");
  });

  it("case 20: other types of images are refused", () => {
    for (const type of ["svg+xml", "tiff", "bmp"]) {
      expect(refusedAt({ messages: image(`data:image/${type};base64,AAAA`) })).toBe(
        "/messages/0/content/0/image_url/url",
      );
    }
  });
});

describe("limits and sampling", () => {
  it("case 21: without a limit it is the model's own", () => {
    const models = [
      latest,
      budgeted,
      "claude-3-7-sonnet-latest",
      old,
      "claude-3-5-haiku-latest",
      "claude-3-opus-20240229",
      "other",
    ];
    expect(models.map((model) => sent({}, model).max_tokens)).toEqual([
      64_000, 64_000, 64_000, 32_000, 8_192, 4_096, 4_096,
    ]);
  });

  it("case 22: max_completion_tokens wins over max_tokens, and one is sent", () => {
    const request = sent({ max_tokens: 9, max_completion_tokens: 7 });
    expect(request.max_tokens).toBe(7);
    expect(request).not.toHaveProperty("max_completion_tokens");
  });

  it("case 23: stop is a list, without white space", () => {
    expect(sent({ stop: "x" }).stop_sequences).toEqual(["x"]);
    expect(sent({ stop: [" ", "x", "\n"] }).stop_sequences).toEqual(["x"]);
    expect(sent({ stop: " " })).not.toHaveProperty("stop_sequences");
  });

  it("case 24: temperature is at most 1, and left out for models after Opus 4.6", () => {
    expect(sent({ temperature: 1.7 }).temperature).toBe(1);
    expect(sent({ temperature: 0 }).temperature).toBe(0);
    expect(sent({ temperature: 0.3 }, latest)).not.toHaveProperty("temperature");
  });

  it("case 25: of temperature and top_p the first is sent, and neither to newer models", () => {
    expect(sent({ temperature: 0.3, top_p: 0.5 })).not.toHaveProperty("top_p");
    expect(sent({ top_p: 0.5, top_k: 4 })).toMatchObject({ top_p: 0.5, top_k: 4 });
    expect(Object.keys(sent({ top_p: 0.5, top_k: 4 }, latest))).toEqual(["model", "max_tokens", "messages"]);
  });

  it.each([
    ["presence_penalty", 0.5, 0],
    ["frequency_penalty", 0.5, 0],
    ["logit_bias", { 50: 1 }, {}],
    ["logprobs", true, false],
    ["top_logprobs", 2, 0],
    ["seed", 7, null],
  ])("case 26: %s %j is refused by name, and %j asks for nothing", (name, value, nothing) => {
    expect(refusedAt({ [name]: value })).toBe(`/${name}`);
    expect(sent({ [name]: nothing })).toEqual(sent({}));
  });

  it("case 27: n of 2 is refused, and 1 dropped", () => {
    expect(refusedAt({ n: 2 })).toBe("/n");
    expect(sent({ n: 1 })).toEqual(sent({}));
  });

  it("case 28: the user is metadata.user_id, and so is a safety identifier, which goes first", () => {
    expect(sent({ user: "u" }).metadata).toEqual({ user_id: "u" });
    expect(sent({ user: "u", safety_identifier: "s" }).metadata).toEqual({ user_id: "s" });
    expect(refusedAt({ safety_identifier: 7 })).toBe("/safety_identifier");
  });

  it("case 29: service_tier auto and priority are auto, default and flex are standard_only, others are refused", () => {
    const tiers = ["auto", "priority", "default", "flex", null].map(
      (service_tier) => sent({ service_tier }).service_tier,
    );
    expect(tiers).toEqual(["auto", "auto", "standard_only", "standard_only", undefined]);
    for (const service_tier of ["scale", "fast", 7])
      expect(refusedAt({ service_tier })).toBe("/service_tier");
  });
});
