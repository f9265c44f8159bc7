import { describe, expect, it } from "vitest";
import { endpointOf } from "../../src/adapters/endpoint.ts";
import { adapterFor, adapters } from "../../src/adapters/index.ts";
import { translationFor } from "../../src/adapters/translation/index.ts";
import { llmTypes } from "../../src/kinds/provider-types.ts";

describe("the adapters", () => {
  it("serve every type of llm, each by one adapter", () => {
    const types = adapters.flatMap((adapter) => adapter.types);
    expect(types.toSorted()).toEqual(llmTypes.toSorted());
    expect(adapterFor("gemini2")).toBeUndefined();
  });

  it("send OpenAI's credential as a bearer, and nothing without one", () => {
    const adapter = adapterFor("vllm")!;
    expect(adapter.headers("sk-1", {})).toEqual({ authorization: "Bearer sk-1" });
    expect(adapter.headers(undefined, {})).toEqual({});
  });

  it("send Anthropic's credential as x-api-key, with the required version", () => {
    const adapter = adapterFor("anthropic")!;
    expect(adapter.headers("sk-1", {})).toEqual({ "x-api-key": "sk-1", "anthropic-version": "2023-06-01" });
    expect(adapter.headers(undefined, {})).toEqual({ "anthropic-version": "2023-06-01" });
    expect(adapter.operations).not.toContain("embeddings");
  });
});

describe("an endpoint", () => {
  it.each([
    ["openai", "", "https://api.openai.com/v1/chat/completions"],
    ["openrouter", "", "https://openrouter.ai/api/v1/chat/completions"],
    ["gemini", "", "https://generativelanguage.googleapis.com/v1beta/openai/chat/completions"],
    ["groq", "", "https://api.groq.com/openai/v1/chat/completions"],
    ["mistral", "", "https://api.mistral.ai/v1/chat/completions"],
    ["xai", "", "https://api.x.ai/v1/chat/completions"],
    ["together", "", "https://api.together.xyz/v1/chat/completions"],
    ["fireworks", "", "https://api.fireworks.ai/inference/v1/chat/completions"],
    ["cerebras", "", "https://api.cerebras.ai/v1/chat/completions"],
    ["deepseek", "", "https://api.deepseek.com/v1/chat/completions"],
    ["moonshot", "", "https://api.moonshot.ai/v1/chat/completions"],
    ["perplexity", "", "https://api.perplexity.ai/chat/completions"],
    ["zai", "", "https://api.z.ai/api/paas/v4/chat/completions"],
    ["azure", "https://r.openai.azure.com/openai", "https://r.openai.azure.com/openai/v1/chat/completions"],
    ["openai", "https://api.deepinfra.com/v1/openai", "https://api.deepinfra.com/v1/openai/chat/completions"],
    [
      "openai",
      "https://ark.cn-beijing.volces.com/api/v3",
      "https://ark.cn-beijing.volces.com/api/v3/chat/completions",
    ],
    ["openai", "https://models.github.ai/inference", "https://models.github.ai/inference/chat/completions"],
    [
      "vertex",
      "https://us-east5-aiplatform.googleapis.com/v1/projects/p/locations/l/endpoints/openapi",
      "https://us-east5-aiplatform.googleapis.com/v1/projects/p/locations/l/endpoints/openapi/chat/completions",
    ],
    [
      "openai",
      "https://api.cloudflare.com/client/v4/accounts/x/ai",
      "https://api.cloudflare.com/client/v4/accounts/x/ai/v1/chat/completions",
    ],
  ])("of type %s at %j has the url %s", (type, url, expected) => {
    expect(endpointOf(type, url, "m")?.url("/v1/chat/completions").href).toBe(expected);
  });

  it("sends the key in the header that the provider reads", () => {
    expect(endpointOf("azure", "https://r.openai.azure.com/openai", "m")?.headers("k")).toEqual({
      "api-key": "k",
    });
    expect(endpointOf("groq", "", "m")?.headers("k")).toEqual({ authorization: "Bearer k" });
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
