import { describe, expect, it } from "vitest";
import { historyCorrectionOf } from "../../../src/adapters/quirks/history-correction.ts";

const call = { id: "functions.f:0", type: "function", function: { name: "f", arguments: "{}" } };
const user = { role: "user", content: "x" };
const turn = { role: "assistant", content: null, tool_calls: [call] };
const thought = { role: "assistant", content: "y", reasoning_content: "hm" };
const signed = { ...turn, tool_calls: [{ ...call, extra_content: {} }] };

const learned = (message: string, ...messages: object[]) =>
  historyCorrectionOf({ status: 400, message, param: null, sent: { messages: [user, ...messages] } });

describe("what a refusal of the history teaches (case 100)", () => {
  it.each<[string, string, object, object]>([
    [
      "Groq",
      "'messages.1' : for 'role:assistant' the following must be satisfied[('messages.1' : property 'reasoning_content' is unsupported)]",
      thought,
      { plainHistory: true },
    ],
    [
      "Mistral",
      "body.messages.1.assistant.reasoning_content: Extra inputs are not permitted",
      thought,
      { plainHistory: true },
    ],
    [
      "OpenAI",
      "Unknown parameter: 'messages[1].tool_calls[0].extra_content'.",
      signed,
      { plainHistory: true },
    ],
    [
      "DeepSeek",
      "The `reasoning_content` in the thinking mode must be passed back to the API.",
      turn,
      { toolTurnReasoning: true },
    ],
    [
      "Kimi",
      "thinking is enabled but reasoning_content is missing in assistant tool call message at index 1",
      turn,
      { toolTurnReasoning: true },
    ],
    [
      "Gemini",
      "Function call is missing a thought_signature in functionCall parts.",
      turn,
      { callSignature: "skip_thought_signature_validator" },
    ],
    [
      "Mistral's ids",
      "Tool call id was functions.f:0 but must be a-z, A-Z, 0-9, with a length of 9.",
      turn,
      { callIds: { longest: 9, isExact: true } },
    ],
    [
      "OpenAI's ids",
      "Invalid 'messages[1].tool_calls[0].id': string too long. Expected a string with maximum length 40, but got a string with length 64 instead.",
      turn,
      { callIds: { longest: 40 } },
    ],
  ])("%s", (_name, message, answer, quirks) => {
    expect(learned(message, answer)).toEqual(quirks);
  });

  it.each<[string, string, object]>([
    ["the history has no such field", "property 'reasoning_content' is unsupported", turn],
    [
      "no tool was called",
      "The `reasoning_content` must be passed back",
      { role: "assistant", content: "y" },
    ],
    [
      "every turn has its reasoning",
      "The `reasoning_content` must be passed back",
      { ...turn, reasoning_content: " " },
    ],
    ["it is about something else", "messages.1.content is bad", thought],
  ])("is nothing where %s", (_name, message, answer) => {
    expect(learned(message, answer)).toBeUndefined();
  });

  it("is nothing for another status, or without messages", () => {
    const message = "property 'reasoning_content' is unsupported";
    const sent = { messages: [user, thought] };
    expect(historyCorrectionOf({ status: 500, message, param: null, sent })).toBeUndefined();
    expect(historyCorrectionOf({ status: 400, message, param: null, sent: { input: [] } })).toBeUndefined();
  });
});

describe("a refusal of system messages (case 157)", () => {
  const late = { role: "system", content: "z" };
  const developer = { role: "developer", content: "z" };
  it.each([
    ["System message must be at the beginning.", late],
    ["Jinja Exception: System message must be at the beginning.", developer],
    ["Conversation roles must alternate user/assistant/user/assistant/...", late],
    ["Only one system message is allowed", late],
    ["messages[1].role: unknown variant `developer`, expected one of `system`, `user`", developer],
    ["Unexpected message role.", developer],
    ["'developer' is no role; invalid role: developer", developer],
  ])("%s", (message, one) => {
    expect(learned(message, one)).toEqual({ oneSystem: true });
    expect(learned(message, { role: "assistant", content: "y" })).toBeUndefined();
  });

  it("is not one that only names them", () => {
    expect(learned("the system is overloaded", late)).toBeUndefined();
    expect(learned("messages[1].content must be a string", late)).toBeUndefined();
  });
});

describe("a refusal of content that is no text (case 158)", () => {
  const parts = { role: "assistant", content: [{ type: "text", text: "a" }] };
  it.each([
    ["messages[1].content: Input should be a valid string", turn],
    ["messages[0].content: invalid type: sequence, expected a string at line 1", parts],
    ["messages.1.content must be a string", parts],
  ])("%s", (message, one) => {
    expect(learned(message, one)).toEqual({ textContent: true });
    expect(learned(message, { role: "assistant", content: "y" })).toBeUndefined();
  });

  it("is not one of a picture, which has no text", () => {
    const picture = { role: "user", content: [{ type: "image_url", image_url: { url: "u" } }] };
    expect(learned("messages[1].content: Input should be a valid string", picture)).toBeUndefined();
  });
});
