import { describe, expect, it } from "vitest";
import { anthropic } from "../../src/adapters/anthropic.ts";
import { openai } from "../../src/adapters/openai.ts";
import { providerDialect } from "../../src/adapters/provider-dialect.ts";
import { quirksOf } from "../../src/adapters/quirks/index.ts";

const tools = [{ type: "function", function: { name: "f" } }];
const dialectFor = (
  operation: "chat" | "messages" | "embeddings",
  body: object = {},
  model = "gpt-5.6-sol",
  llm: { type?: string; host?: string; responses?: "native" | "translated" } = {},
) => {
  const { type = "openai", host = "api.openai.com", ...settings } = llm;
  return providerDialect(openai, operation, { ...body }, quirksOf({ type, host, model }), settings);
};

describe("the dialect in which a provider is called (case 127)", () => {
  it.each(["gpt-5.6-sol", "gpt-5-mini", "o4-mini", "ft:gpt-5.4:mine"])(
    "is responses for a messages call of %s at OpenAI",
    (model) => {
      expect(dialectFor("messages", {}, model)).toBe("responses");
    },
  );

  it("is responses at Azure", () => {
    expect(dialectFor("messages", {}, "gpt-5.1", { type: "azure", host: "r.openai.azure.com" })).toBe(
      "responses",
    );
  });

  it.each([
    ["a model that does not reason", "gpt-4o", {}],
    ["a chat model of the same version", "gpt-5-chat-latest", {}],
    ["somebody else's url", "gpt-5.6-sol", { host: "llm.lan" }],
    ["another type", "gpt-5.6-sol", { type: "vllm", host: "127.0.0.1" }],
    ["translated responses", "gpt-5.6-sol", { responses: "translated" as const }],
  ])("is chat for %s", (_, model, llm) => {
    expect(dialectFor("messages", {}, model, llm)).toBe("chat");
  });

  it("is responses at somebody else's url where the llm says native", () => {
    expect(dialectFor("messages", {}, "openai/gpt-5.6-sol", { host: "llm.lan", responses: "native" })).toBe(
      "responses",
    );
  });

  it.each([
    { stop_sequences: ["x"] },
    { stop: "x" },
    { n: 2 },
    { logprobs: true },
    { modalities: ["audio"] },
  ])("is chat for a call with %j, which only chat has", (body) => {
    expect(dialectFor("messages", body)).toBe("chat");
  });

  it.each([{ stop_sequences: [] }, { stop: null }, { n: 1 }, { logprobs: false }, { modalities: ["text"] }])(
    "is responses for a call with %j, which asks for nothing",
    (body) => {
      expect(dialectFor("messages", body)).toBe("responses");
    },
  );

  it("is responses for a chat call that the model refuses in chat", () => {
    expect(dialectFor("chat", { tools, reasoning_effort: "low" })).toBe("responses");
    expect(dialectFor("chat", { tools })).toBe("responses");
    expect(dialectFor("chat", {}, "gpt-5-codex")).toBe("responses");
    expect(dialectFor("chat", {}, "o3-pro")).toBe("responses");
  });

  it.each([
    {},
    { reasoning_effort: "low" },
    { tools, reasoning_effort: "none" },
    { tools: [], reasoning_effort: "low" },
  ])("is chat for the chat call %j", (body) => {
    expect(dialectFor("chat", body)).toBe("chat");
  });

  it("is chat for tools with an effort at a model that takes them there", () => {
    expect(dialectFor("chat", { tools, reasoning_effort: "low" }, "gpt-5.1")).toBe("chat");
    expect(dialectFor("chat", { tools }, "gpt-5.4")).toBe("chat");
  });

  it("is the provider's own where it has no responses", () => {
    const quirks = quirksOf({ type: "openai", host: "api.openai.com", model: "gpt-5.6-sol" });
    expect(providerDialect(anthropic, "messages", {}, quirks, { responses: "native" })).toBe("messages");
  });
});
