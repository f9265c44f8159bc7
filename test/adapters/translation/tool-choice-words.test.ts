import { describe, expect, it } from "vitest";
import { translationFor } from "../../../src/adapters/translation/index.ts";

// biome-ignore lint/suspicious/noExplicitAny: tests look at whatever came
type Whatever = any;

const hello = { role: "user", content: "x" };
const choices: [unknown, string][] = [
  ["auto", "auto"],
  ["none", "none"],
  ["required", "required"],
  ["any", "required"],
  [{ type: "auto" }, "auto"],
  [{ type: "none" }, "none"],
  [{ type: "required" }, "required"],
  [{ type: "any" }, "required"],
];

describe.each(choices)("the choice of tools %j (case 97)", (tool_choice, word) => {
  it("of a chat caller reaches Anthropic", () => {
    const body = { tool_choice, tools: [{ function: { name: "f" } }], messages: [hello] };
    const sent = translationFor("chat", "messages")!.request(body, "m", {}) as Whatever;
    expect(sent.tool_choice).toEqual({ type: word === "required" ? "any" : word });
    expect(sent.tools).toMatchObject([{ name: "f" }]);
  });

  it("of a caller of messages or responses reaches a chat provider", () => {
    const messages = { tool_choice, tools: [{ name: "f", input_schema: {} }], messages: [hello] };
    expect(translationFor("messages", "chat")!.request(messages, "m", {})["tool_choice"]).toBe(word);
    const responses = { tool_choice, tools: [{ name: "f", parameters: {} }], input: [hello] };
    const sent = translationFor("responses", "chat")!.request(responses, "m", {}) as Whatever;
    expect(sent.tool_choice).toBe(word);
    expect(sent.tools).toMatchObject([{ type: "function", function: { name: "f" } }]);
  });
});

it.each([["whatever"], [{ type: "auto", name: "f" }], [{ type: "toString" }], [7]])(
  "the choice %j is refused",
  (tool_choice) => {
    const body = { tool_choice, tools: [{ type: "function", function: { name: "f" } }], messages: [hello] };
    expect(() => translationFor("chat", "messages")!.request(body, "m", {})).toThrow("tool_choice");
  },
);
