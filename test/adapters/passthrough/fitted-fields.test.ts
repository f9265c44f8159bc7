import { describe, expect, it } from "vitest";
import { fittedFields, leftOutFields } from "../../../src/adapters/passthrough/fitted-fields.ts";
import { quirksOf } from "../../../src/adapters/quirks/index.ts";
import { toProviderRequest } from "../../../src/server/inference/request.ts";
import { isObject, scanJson } from "../../../src/wire/json.ts";

const quirks = (model: string, type = "openai", host = "api.openai.com") => quirksOf({ type, host, model });

/** Returns the text that a provider of chat gets for a caller's text, and the fields that the caller is told of. */
function sent(text: string, model: string, more: object = {}) {
  const body: unknown = JSON.parse(text);
  if (!isObject(body)) throw new Error("no object");
  const scan = scanJson(text, { maxDepth: 64, maxItems: 1_000, maxStructure: 10_000 });
  const target = { path: "/v1/chat/completions", translation: undefined, model };
  const request = toProviderRequest({ body, text, scan }, "chat", {
    ...target,
    quirks: { ...quirks(model), ...more },
  });
  return [request.text, request.dropped.join()];
}

describe("a chat request that passes to a model of OpenAI that reasons (case 150)", () => {
  it.each([
    [
      "gpt-5",
      '{"model":"gpt-5", "max_tokens" : 9,"messages":[{}]}',
      '{"model":"gpt-5", "max_completion_tokens" : 9,"messages":[{}]}',
      "",
    ],
    [
      "o3-mini",
      '{"model":"x","messages":[{}],"max\\u005ftokens":9 }',
      '{"model":"o3-mini","messages":[{}],"max_completion_tokens":9 }',
      "",
    ],
    [
      "gpt-5",
      '{"max_tokens":9,"model":"gpt-5","messages":[{}],"max_completion_tokens":8}',
      '{"model":"gpt-5","messages":[{}],"max_completion_tokens":8}',
      "",
    ],
    [
      "gpt-5",
      '{"max_tokens":9,"max_completion_tokens":null,"model":"gpt-5","messages":[{}]}',
      '{"max_completion_tokens":9,"model":"gpt-5","messages":[{}]}',
      "",
    ],
    [
      "o3",
      '{"temperature":0,"model":"o3","top_p":0.10,"messages":[{}],"presence_penalty":0}',
      '{"model":"o3","messages":[{}]}',
      "temperature,top_p",
    ],
    [
      "gpt-5.6",
      '{"model":"gpt-5.6","messages":[{}],"temperature":1}',
      '{"model":"gpt-5.6","messages":[{}]}',
      "",
    ],
    [
      "gpt-5.2",
      '{"model":"gpt-5.2","messages":[{}],"temperature":0.0,"reasoning_effort":"low"}',
      '{"model":"gpt-5.2","messages":[{}],"reasoning_effort":"low"}',
      "temperature",
    ],
  ])("%s: %s", (model, text, expected, dropped) => expect(sent(text, model)).toEqual([expected, dropped]));

  it.each([
    ["gpt-4o", '{"model":"gpt-4o","messages":[{}],"max_tokens":9,"temperature":0.0}'],
    ["gpt-5-chat-latest", '{"model":"gpt-5-chat-latest","messages":[{}],"temperature":0.0}'],
    ["gpt-5.2", '{"model":"gpt-5.2","messages":[{}],"temperature":0.0}'],
    ["gpt-5.6", '{"model":"gpt-5.6","messages":[{}],"temperature":0.0,"reasoning_effort":"none"}'],
    ["gpt-5", '{"model":"gpt-5","messages":[{}],"max_tokens":null,"temperature":null}'],
    ["gpt-5", '{"model":"gpt-5","messages":[{}],"seed":12345678901234567890,"logprobs":true,"stop":["x"]}'],
    ["production-model", '{"model":"production-model","messages":[{}],"max_tokens":9,"temperature":0.0}'],
  ])("%s takes this as it is: %s", (model, text) => expect(sent(text, model)).toEqual([text, ""]));

  it("keeps the old name where the llm says so, and renames the new one", () => {
    const text = '{"model":"gpt-5","messages":[{}],"max_completion_tokens":9}';
    expect(sent(text, "gpt-5", { limitField: "max_tokens" })[0]).toBe(text.replace("completion_", ""));
  });

  it("leaves out what a refusal has taught, and nothing that is no setting of the answer's form", () => {
    const text = '{"model":"m","messages":[{}],"stop":"x","user":"u"}';
    expect(sent(text, "m", { without: ["stop", "user"] })).toEqual([
      '{"model":"m","messages":[{}],"user":"u"}',
      "stop",
    ]);
  });
});

it("requests of the other dialects lose their sampling at models that refuse it", () => {
  const responses = { model: "o3", input: "x", temperature: 0, max_output_tokens: 9 };
  const names = fittedFields("responses", responses, quirks("o3"));
  expect([...names!]).toEqual([["temperature", null]]);
  expect(leftOutFields(names, responses)).toEqual(["temperature"]);
  const none = { ...responses, reasoning: { effort: "none" } };
  expect(fittedFields("responses", none, quirks("gpt-5.2"))).toBeUndefined();
  const claude = (model: string) => quirks(model, "anthropic", "api.anthropic.com");
  const messages = { max_tokens: 9, top_k: 5, temperature: 0.5 };
  expect([...fittedFields("messages", messages, claude("claude-opus-4-7"))!]).toEqual([
    ["temperature", null],
    ["top_k", null],
  ]);
  expect(fittedFields("messages", messages, claude("claude-opus-4-6"))).toBeUndefined();
});
