import { describe, expect, it } from "vitest";
import { adapterFor, adapters } from "../../src/adapters/index.ts";
import { translationFor } from "../../src/adapters/translation/index.ts";
import { llmTypes } from "../../src/kinds/llm.ts";

describe("the adapters", () => {
  it("serve every type of llm, each by one adapter", () => {
    const types = adapters.flatMap((adapter) => adapter.types);
    expect(types.toSorted()).toEqual(llmTypes.toSorted());
    expect(adapterFor("gemini")).toBeUndefined();
  });

  it("send OpenAI's credential as a bearer, and nothing without one", () => {
    const adapter = adapterFor("vllm")!;
    expect(adapter.headers("sk-1")).toEqual({ authorization: "Bearer sk-1" });
    expect(adapter.headers(undefined)).toEqual({});
    expect(adapter.defaultUrls).toEqual({
      openai: "https://api.openai.com",
      deepseek: "https://api.deepseek.com",
    });
  });

  it("send Anthropic's credential as x-api-key, with the required version", () => {
    const adapter = adapterFor("anthropic")!;
    expect(adapter.headers("sk-1")).toEqual({ "x-api-key": "sk-1", "anthropic-version": "2023-06-01" });
    expect(adapter.headers(undefined)).toEqual({ "anthropic-version": "2023-06-01" });
    expect(adapter.operations).not.toContain("embeddings");
  });
});

describe("translationFor", () => {
  it("returns a translation between two dialects, and none for one dialect", () => {
    expect(translationFor("chat", "messages")).toMatchObject({ caller: "chat", provider: "messages" });
    expect(translationFor("messages", "chat")).toMatchObject({ caller: "messages", provider: "chat" });
    expect(translationFor("chat", "chat")).toBeUndefined();
    expect(translationFor("messages", "messages")).toBeUndefined();
  });
});
