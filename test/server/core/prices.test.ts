import { describe, expect, it } from "vitest";
import { costOf, isLower, pricingOf } from "../../../src/server/core/prices.ts";
import { row } from "../../support/row.ts";

const llm = (model: string, type = "openai", more = {}) =>
  row("llm_1", "llm", "l", { spec: { type, model, url: "", ...more } });
const priceOf = (one: ReturnType<typeof llm>) => pricingOf(one)?.price;

describe("the price of an llm", () => {
  it("is found by the beginning of a model's name", () => {
    const opus = { input: 5, output: 25, cachedInput: 0.5 };
    expect(priceOf(llm("claude-opus-5", "anthropic"))).toEqual(opus);
    expect(priceOf(llm("claude-opus-5-20260812", "anthropic"))).toEqual(opus);
    expect(priceOf(llm("claude-opus-5-5-20260930", "anthropic"))?.output).toBe(20);
    expect(priceOf(llm("claude-sonnet-4-6", "anthropic"))?.input).toBe(3);
    expect(priceOf(llm("gpt-4o-2024-08-06"))?.input).toBe(2.5);
    expect(priceOf(llm("gpt-4o-2024-05-13"))?.input).toBe(5);
    expect(priceOf(llm("gpt-5.6-luna"))?.cacheWrite).toBe(0.25);
    expect(priceOf(llm("models/gemini-2.5-pro", "gemini"))?.longContext?.above).toBe(200_000);
    for (const unknown of [
      "gpt-5.4-maxi",
      "gpt-5x",
      "gpt-4.1-",
      "claude-opus-5",
      "",
      "toString",
      "ft:gpt-4.1:me",
    ])
      expect(pricingOf(llm(unknown)), unknown).toBeUndefined();
  });

  it("is that of the provider whose public address is called, whatever the type", () => {
    const cases: [string, string, string, number | undefined][] = [
      ["deepseek-chat", "deepseek", "", 0.28],
      ["deepseek-chat", "openai", "https://api.deepseek.com/v1", 0.28],
      ["deepseek-chat", "anthropic", "https://api.deepseek.com/anthropic", 0.28],
      // An open model has another price at another host.
      ["deepseek-chat", "deepseek", "https://models.example", undefined],
      ["deepseek-chat", "openai", "https://models.example", undefined],
      ["deepseek-chat", "openai", "", undefined],
      ["openai/gpt-oss-120b", "groq", "", 0.15],
      ["openai/gpt-oss-120b", "openai", "https://api.together.xyz", undefined],
      // Only OpenAI makes this one: a gateway passes its price on.
      ["gpt-5.4", "openai", "https://gateway.example/v1", 2.5],
      ["gpt-5.4", "openai", "https://openrouter.ai/api/v1", undefined],
      ["gpt-5.4", "openrouter", "", undefined],
      ["gpt-5.4", "azure", "https://me.openai.azure.com", undefined],
    ];
    for (const [model, type, url, input] of cases)
      expect(priceOf(llm(model, type, { url }))?.input, `${model} ${type} ${url}`).toBe(input);
  });

  it("is its own rather than the list's, and is zero on machines of its users", () => {
    const price = { input: 1, output: 2 };
    expect(pricingOf(llm("claude-opus-5", "anthropic", { price }))).toMatchObject({ source: "llm", price });
    for (const type of ["ollama", "vllm", "llama.cpp", "lmstudio"])
      expect(pricingOf(llm("llama", type)), type).toMatchObject({
        source: "free",
        price: { input: 0, output: 0 },
      });
    expect(priceOf(llm("llama", "vllm", { price }))).toEqual(price);
  });
});

describe("the cost of a call in millionths of a dollar", () => {
  const usage = { promptTokens: 1000, completionTokens: 100, cachedTokens: 800 };

  it("has cached input at its own price", () => {
    expect(costOf(llm("claude-opus-5", "anthropic"), usage)).toBe(200 * 5 + 800 * 0.5 + 100 * 25);
    expect(costOf(llm("m", "openai", { price: { input: 1, output: 2 } }), usage)).toBe(1000 + 200);
    expect(costOf(llm("unknown"), usage)).toBeUndefined();
  });

  it("has a surcharge for writing Anthropic's cache, for 5 minutes and for an hour (case 115)", () => {
    const written = { ...usage, cachedTokens: 0, cacheWriteTokens: 700, cacheWrite1hTokens: 200 };
    const opus = 300 * 5 + 500 * 6.25 + 200 * 10 + 100 * 25;
    expect(costOf(llm("claude-opus-5", "anthropic"), written)).toBe(opus);
    const own = { price: { input: 5, output: 25 } };
    expect(costOf(llm("claude-x", "anthropic", own), written)).toBe(opus);
    // Of no other provider is a surcharge known that its price does not have.
    expect(costOf(llm("m", "openai", own), written)).toBe(1000 * 5 + 100 * 25);
    const set = { price: { ...own.price, cacheWrite: 8 } };
    expect(costOf(llm("m", "openai", set), written)).toBe(300 * 5 + 700 * 8 + 100 * 25);
  });

  it("has audio, images and long prompts at their own rates", () => {
    const audio = { ...usage, cachedTokens: 0, audioInputTokens: 400, audioOutputTokens: 60 };
    expect(costOf(llm("gpt-audio"), audio)).toBe(600 * 2.5 + 400 * 32 + 40 * 10 + 60 * 64);
    const drawn = { ...usage, cachedTokens: 0, imageInputTokens: 10, imageOutputTokens: 100 };
    expect(costOf(llm("gpt-image-1"), drawn)).toBe(990 * 5 + 10 * 10 + 100 * 40);
    const long = { promptTokens: 272_001, completionTokens: 1, cachedTokens: 1 };
    expect(costOf(llm("gpt-5.4"), long)).toBe(272_000 * 5 + 0.5 + 22.5);
    expect(costOf(llm("gpt-5.4"), { ...long, promptTokens: 272_000 })).toBe(271_999 * 2.5 + 0.25 + 15);
  });

  it("is unknown for units that the price does not have", () => {
    const heard = { promptTokens: 0, completionTokens: 0, cachedTokens: 0, seconds: 60 };
    expect(costOf(llm("whisper-1"), heard)).toBeCloseTo(6000);
    expect(costOf(llm("gpt-5.4"), heard)).toBeUndefined();
    expect(costOf(llm("whisper-1"), { ...heard, seconds: 0 })).toBeUndefined();
    expect(costOf(llm("w", "vllm"), heard)).toBe(0);
    const price = { input: 0, output: 0, request: 0.002 };
    expect(costOf(llm("m", "openai", { price }), { ...heard, seconds: 0 })).toBe(2000);
  });

  it("has the tools that run at OpenAI at its rates or at its own, and is unknown elsewhere (case 207)", () => {
    const tools = { promptTokens: 1000, completionTokens: 0, cachedTokens: 0 };
    const used = { ...tools, searches: 2, fileSearches: 4, containers: 1 };
    const price = { input: 1, output: 2 };
    expect(costOf(llm("m", "openai", { price }), used)).toBe(1000 + 20_000 + 10_000 + 30_000);
    expect(costOf(llm("m", "openai", { price: { ...price, container: 0.1 } }), used)).toBe(131_000);
    expect(costOf(llm("m", "openai", { price }), tools)).toBe(1000);
    expect(costOf(llm("m", "anthropic", { price }), { ...tools, containers: 1 })).toBeUndefined();
    expect(costOf(llm("m", "ollama"), used)).toBe(0);
  });

  it("has searches of the web at Anthropic's rate or at its own, and is unknown elsewhere (case 187)", () => {
    const searched = { promptTokens: 1000, completionTokens: 0, cachedTokens: 0, searches: 2 };
    const price = { input: 1, output: 1 };
    expect(costOf(llm("m", "anthropic", { price }), searched)).toBe(21_000);
    expect(costOf(llm("m", "anthropic", { price: { ...price, search: 0.05 } }), searched)).toBe(101_000);
    expect(costOf(llm("m", "anthropic", { price }), { ...searched, searches: 0 })).toBe(1000);
    expect(costOf(llm("m", "xai", { price }), searched)).toBeUndefined();
  });

  it("counts no token twice and none below zero", () => {
    const overlapping = { promptTokens: 100, completionTokens: 0, cachedTokens: 80, cacheWriteTokens: 80 };
    expect(costOf(llm("claude-opus-5", "anthropic"), overlapping)).toBe(80 * 0.5 + 20 * 6.25);
    const odd = { ...overlapping, audioInputTokens: 500, imageInputTokens: 500 };
    expect(costOf(llm("claude-opus-5", "anthropic"), odd)).toBe(80 * 0.5 + 20 * 6.25);
  });

  it("is at least the list price of the model that a caller chose (T114)", () => {
    const open = llm("gpt-5.4-nano", "openai", { allowModelOverride: true });
    expect(costOf(open, usage, "gpt-5.5-pro")).toBe(1000 * 30 + 100 * 180);
    expect(costOf(llm("gpt-5.5-pro"), usage, "gpt-5.4-nano")).toBe(1000 * 30 + 100 * 180);
    expect(costOf(open, usage, "unknown")).toBe(costOf(open, usage));
  });
});

it("a price is lower than another if any of its parts is (T114)", () => {
  const priced = (price: object) =>
    pricingOf(llm("m", "openai", { price: { input: 2, output: 4, ...price } }));
  const base = priced({});
  for (const lower of [
    { input: 1 },
    { output: 3 },
    { cachedInput: 1 },
    { cacheWrite: 1 },
    { cacheWrite1h: 1 },
    { audioInput: 0 },
    { imageOutput: 0 },
    { longContext: { above: 10, input: 1, output: 4 } },
  ])
    expect(isLower(priced(lower), base), JSON.stringify(lower)).toBe(true);
  for (const other of [{}, { input: 3, cachedInput: 2 }, { longContext: { above: 10, input: 3, output: 4 } }])
    expect(isLower(priced(other), base), JSON.stringify(other)).toBe(false);
  const long = priced({ longContext: { above: 10, input: 4, output: 8 } });
  expect(isLower(base, long)).toBe(true);
  expect(isLower(priced({ longContext: { above: 20, input: 4, output: 8 } }), long)).toBe(true);
  expect(isLower(priced({}), priced({ request: 1 }))).toBe(true);
  expect([isLower(base, undefined), isLower(undefined, base)]).toEqual([true, false]);
});
