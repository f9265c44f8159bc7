import { expect, it } from "vitest";
import { costOf, priceOf } from "../../../src/server/core/prices.ts";
import { row } from "../../support/row.ts";

const llm = (model: string, type = "openai", more = {}) =>
  row("llm_1", "llm", "l", { spec: { type, model, ...more } });

it("finds list prices by the beginning of a model's name", () => {
  expect(priceOf(llm("claude-opus-5"))).toEqual({ input: 5, output: 25, cachedInput: 0.5 });
  expect(priceOf(llm("claude-opus-5-20260812"))).toEqual({ input: 5, output: 25, cachedInput: 0.5 });
  expect(priceOf(llm("claude-opus-5-5-20260930"))?.output).toBe(20);
  expect(priceOf(llm("gpt-5.4-mini"))?.input).toBe(0.75);
  for (const unknown of ["gpt-5.4-maxi", "gpt-5", "claude-opus-50", "claude", "", "toString"])
    expect(priceOf(llm(unknown)), unknown).toBeUndefined();
});

it("prefers the price of the llm to the list, and is zero for vllm and ollama", () => {
  const price = { input: 1, output: 2 };
  expect(priceOf(llm("claude-opus-5", "anthropic", { price }))).toEqual(price);
  expect(priceOf(llm("llama", "ollama"))).toEqual({ input: 0, output: 0 });
  expect(priceOf(llm("llama", "vllm", { price }))).toEqual(price);
});

it("costs cached input at its own price, in millionths of a dollar", () => {
  const usage = { promptTokens: 1000, completionTokens: 100, cachedTokens: 800 };
  expect(costOf(llm("claude-opus-5"), usage)).toBe(200 * 5 + 800 * 0.5 + 100 * 25);
  expect(costOf(llm("m", "openai", { price: { input: 1, output: 2 } }), usage)).toBe(1000 + 200);
  expect(costOf(llm("unknown"), usage)).toBeUndefined();
  // A caller who chooses another model pays at least the price of the list (T114).
  const open = llm("gpt-5.4-nano", "openai", { allowModelOverride: true });
  expect(costOf(open, usage, "gpt-5.5-pro")).toBe(1000 * 30 + 100 * 180);
  expect(costOf(llm("gpt-5.5-pro"), usage, "gpt-5.4-nano")).toBe(1000 * 30 + 100 * 180);
  expect(costOf(open, usage, "unknown")).toBe(costOf(open, usage));
});
