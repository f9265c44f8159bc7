import { expect, it } from "vitest";
import { providerTypes } from "../../../../src/kinds/provider-types.ts";
import { listedPrice, priceLists, pricesAsOf } from "../../../../src/server/core/price-lists/index.ts";

const entries = priceLists.flatMap((list) =>
  Object.entries(list.models).map(([model, price]) => ({ list, model, price })),
);

it("every list has a page of its provider, a type and a date", () => {
  expect(pricesAsOf).toMatch(/^\d{4}-\d\d-\d\d$/);
  expect(Date.parse(pricesAsOf)).toBeLessThan(Date.now() + 366 * 86_400_000);
  const types = priceLists.map(({ type }) => type);
  expect(new Set(types).size).toBe(types.length);
  for (const { type, source, models } of priceLists) {
    expect(providerTypes).toHaveProperty([type]);
    expect(new URL(source).protocol, type).toBe("https:");
    expect(Object.keys(models).length, type).toBeGreaterThan(0);
  }
});

it("every model is found under its own name at its own provider", () => {
  for (const { list, model, price } of entries) {
    const found = listedPrice({ type: list.type, url: "", model });
    expect([found?.name, found?.price], model).toEqual([model, price]);
  }
});

it("no model costs nothing, and no rate looks like one of another unit", () => {
  for (const { model, price } of entries) {
    const { longContext, second = 0, image = 0, character = 0, ...tokens } = price;
    const rates = Object.values(tokens);
    expect(Math.max(...rates, second, image, character), model).toBeGreaterThan(0);
    for (const rate of rates) expect(rate, model).toBeLessThanOrEqual(600);
    expect(second, model).toBeLessThan(0.01);
    if (price.cachedInput !== undefined) expect(price.cachedInput, model).toBeLessThanOrEqual(price.input);
    if (!longContext) continue;
    expect(longContext.input, model).toBeGreaterThan(price.input);
    expect(longContext.output, model).toBeGreaterThan(price.output);
    expect((longContext.cachedInput ?? longContext.input) > (price.cachedInput ?? 0), model).toBe(true);
  }
});

it("the models of today have prices", () => {
  const known = {
    anthropic: ["claude-3-5-haiku-20241022", "claude-sonnet-4-6", "claude-opus-5-5", "claude-haiku-5-5"],
    openai: ["gpt-4.1", "gpt-4o-mini", "o3", "o4-mini-2025-04-16", "gpt-5.1", "gpt-5.6-luna", "whisper-1"],
    gemini: ["gemini-2.5-pro", "gemini-3-flash-preview", "gemini-embedding-001"],
    xai: ["grok-4.5"],
    mistral: ["mistral-large-latest", "mistral-large-2512"],
    groq: ["openai/gpt-oss-20b"],
    deepseek: ["deepseek-chat", "deepseek-reasoner"],
  };
  for (const [type, models] of Object.entries(known))
    for (const model of models) expect(listedPrice({ type, url: "", model }), model).toBeDefined();
});
