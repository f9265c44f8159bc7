import { describe, expect, it } from "vitest";
import { messagesRequest } from "../../../../src/adapters/translation/chat-to-messages/request.ts";
import { hello, refusal, translated } from "./translated.ts";

describe("limits, sampling and other fields of a chat request, translated to messages", () => {
  it.each([
    [{}, 64000],
    [{ max_tokens: 9 }, 9],
    [{ max_tokens: 9, max_completion_tokens: 7 }, 7],
    [{ max_tokens: null, max_completion_tokens: null }, 64000],
  ])("%j becomes max_tokens %d and no other limit (cases 21, 22)", (body, expected) => {
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
  ])("stop %j becomes %j (case 23)", (stop, expected) => {
    expect(translated({ stop }).stop_sequences).toEqual(expected);
  });

  it("have a temperature of at most 1, which goes before top_p (cases 24, 25)", () => {
    expect(translated({ temperature: 1.7, top_p: 0.5 })).toMatchObject({ temperature: 1 });
    expect(translated({ temperature: 1.7, top_p: 0.5 })).not.toHaveProperty("top_p");
    expect(translated({ top_p: 0.5, top_k: 3 })).toMatchObject({ top_p: 0.5, top_k: 3 });
  });

  it("pass values that are not numbers to Anthropic, except limits that are added up", () => {
    expect(translated({ temperature: "hot" })).toMatchObject({ temperature: "hot" });
    expect(refusal({ max_tokens: "9" })).toMatchObject({ code: "invalid_request", path: "/max_tokens" });
    expect(refusal({ max_completion_tokens: "9" })).toMatchObject({ path: "/max_completion_tokens" });
  });

  it("have no sampling for models that refuse it (case 24)", () => {
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
  ])(
    "are refused by name for %s %j, but not for %j, which asks for nothing (cases 26, 27)",
    (name, value, neutral) => {
      expect(refusal({ [name]: value })).toMatchObject({ code: "invalid_request", path: `/${name}` });
      expect(translated({ [name]: neutral })).toEqual(translated({}));
      expect(translated({ [name]: null })).toEqual(translated({}));
    },
  );

  it("have a limit above a budget of thinking that the caller sets (case 39)", () => {
    const thinking = { type: "enabled", budget_tokens: 2_048 };
    expect(translated({ thinking, max_tokens: 1_000 })).toMatchObject({ thinking, max_tokens: 3_048 });
    expect(translated({ thinking, max_tokens: 4_000 })).toMatchObject({ thinking, max_tokens: 4_000 });
  });

  it.each(["seed", "audio", "web_search_options", "function_call", "colour", "__proto__"])(
    "refuses %s by name",
    (name) => {
      const body = JSON.parse(`{"${name}":{"a":1}}`) as Record<string, unknown>;
      body.messages = hello;
      expect(() => messagesRequest(body, "m", {})).toThrow(`${name} has no counterpart`);
    },
  );

  it("lose fields that do not change the answer (case 26)", () => {
    const dropped = {
      metadata: { a: "b" },
      prompt_cache_key: "p",
      prompt_cache_retention: "24h",
      prompt_cache_options: { mode: "implicit" },
      stream_options: { include_usage: true, include_obfuscation: false },
    };
    expect(translated(dropped)).toEqual(translated({}));
  });

  it("pass the user, the stream and Anthropic's own fields (case 28)", () => {
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
