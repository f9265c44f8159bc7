import { describe, expect, it } from "vitest";
import { translationFor } from "../../../../src/adapters/translation/index.ts";
import { bytesOf, fixedId, payloadsOf, through } from "../streams.ts";

type Fields = Record<string, unknown>;

const signed = { type: "thinking", thinking: "First a, \n then „b“.", signature: "EqQB/+signature==" };
const redacted = { type: "redacted_thinking", data: "EmwK/+data==" };
const use = { type: "tool_use", id: "toolu_01abcdefghijklmnop", name: "read", input: { path: "a" } };
const chat = translationFor("chat", "messages", Date.now, fixedId)!;
const tools = [{ type: "function", function: { name: "read", parameters: { type: "object" } } }];

/** The message of a whole answer with these blocks. */
const wholeMessage = (content: Fields[], translation = chat): Fields => {
  const body = {
    id: "msg_1",
    type: "message",
    role: "assistant",
    content,
    stop_reason: "tool_use",
    usage: {},
  };
  const { choices } = translation.response(body, "m", { tools }) as { choices: [{ message: Fields }] };
  return choices[0].message;
};

const event = (type: string, fields: object = {}) =>
  `event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`;

/** The stream of an answer with these blocks, each text cut into pieces. */
function streamOf(content: Fields[]): string {
  const blocks = content.map((block, index) => {
    const delta = (fields: object) => event("content_block_delta", { index, delta: fields });
    const isThinking = block.type === "thinking";
    const begun = isThinking ? { type: "thinking", thinking: "", signature: "" } : block;
    const pieces = isThinking ? (String(block.thinking).match(/.{1,4}/gs) ?? []) : [];
    return [
      event("content_block_start", { index, content_block: begun }),
      ...pieces.map((thinking) => delta({ type: "thinking_delta", thinking })),
      isThinking ? delta({ type: "signature_delta", signature: block.signature }) : "",
      event("content_block_stop", { index }),
    ].join("");
  });
  return [
    event("message_start", { message: { id: "msg_1", usage: {} } }),
    ...blocks,
    event("message_delta", { delta: { stop_reason: "tool_use" } }),
    event("message_stop"),
  ].join("");
}

/** The deltas of the answer that a chat caller gets for these blocks. */
const deltasOf = (content: Fields[]): Fields[] =>
  payloadsOf(through(chat.stream("m", { tools }), [bytesOf(streamOf(content))]).text).flatMap((chunk) => {
    const [choice] = (chunk as { choices?: { delta: Fields }[] }).choices ?? [];
    return choice ? [choice.delta] : [];
  });

/** OpenAI's SDK for Python: texts are joined, objects of lists are merged by their `index`, which must be there. */
function joined(before: Fields, delta: Fields): Fields {
  const merged: Fields = { ...before };
  for (const [key, value] of Object.entries(delta)) {
    const known = merged[key];
    if (known === undefined || known === null || key === "index" || key === "type") merged[key] = value;
    else if (typeof known === "string" && typeof value === "string") merged[key] = known + value;
    else if (Array.isArray(known) && Array.isArray(value)) {
      const list = [...known];
      for (const entry of value as Fields[]) {
        if (typeof entry.index !== "number") throw new Error(`no index in ${JSON.stringify(entry)}`);
        if (list[entry.index]) list[entry.index] = joined(list[entry.index], entry);
        else list.splice(entry.index, 0, entry);
      }
      merged[key] = list;
    } else if (typeof known === "object" && typeof value === "object")
      merged[key] = joined(known as Fields, value as Fields);
  }
  return merged;
}

/** A client that appends what comes in lists. */
const appended = (before: Fields, delta: Fields): Fields => ({
  ...joined(before, { ...delta, reasoning_details: undefined, thinking_blocks: undefined }),
  ...Object.fromEntries(
    ["reasoning_details", "thinking_blocks"].map((key) => [
      key,
      [...((before[key] as unknown[]) ?? []), ...((delta[key] as unknown[]) ?? [])],
    ]),
  ),
});

/** OpenAI's SDK for JavaScript: the last value of each unknown field holds. */
const lastWins = (before: Fields, { tool_calls, content, ...delta }: Fields): Fields => ({
  ...joined(before, { content, ...(tool_calls !== undefined && { tool_calls }) }),
  ...delta,
});

/** The request that Anthropic gets when the client sends the message back with the result of its call. */
function returned(message: Fields): Fields[] {
  const messages = [
    { role: "user", content: "hi" },
    { role: "assistant", ...message },
    { role: "tool", tool_call_id: use.id, content: "done" },
  ];
  const request = chat.request({ messages, tools, max_tokens: 9 }, "claude", {}) as {
    messages: { content: Fields[] }[];
  };
  return request.messages[1]!.content;
}

/** A message with one of the two forms alone. */
const only = ({ thinking_blocks, reasoning_details, ...message }: Fields, form: string): Fields => ({
  ...message,
  ...(form === "thinking_blocks" ? { thinking_blocks } : { reasoning_details }),
});

const forms = ["thinking_blocks", "reasoning_details"];

describe("signed thinking for chat callers (case 162)", () => {
  it.each(forms)("comes back byte for byte in %s of a whole answer", (form) => {
    for (const content of [
      [signed, use],
      [redacted, use],
      [signed, redacted, { ...signed, signature: "other" }, use],
    ]) {
      const message = wholeMessage(content);
      expect(returned(only(message, form))).toEqual(content);
      expect(returned(message)).toEqual(content);
    }
  });

  it.each(forms)("comes back byte for byte in %s of a stream, however the client collects it", (form) => {
    for (const content of [
      [signed, use],
      [redacted, use],
      [signed, redacted, { ...signed, signature: "other" }, use],
    ])
      for (const collect of [joined, appended]) {
        const message = deltasOf(content).reduce(collect, {});
        expect(returned(only(message, form))).toEqual(content);
        expect(returned(message)).toEqual(content);
      }
    const last = deltasOf([signed, use]).reduce(lastWins, {});
    expect(returned(last)).toEqual([signed, use]);
  });

  it("is told once to callers of other dialects, and comes back there too", () => {
    const translation = translationFor("responses", "messages", Date.now, fixedId)!;
    const body = { id: "msg_1", content: [signed, use], stop_reason: "tool_use", usage: {} };
    const whole = translation.response(body, "m", { input: "hi" }) as { output: Fields[] };
    expect(whole.output.map(({ type }) => type)).toEqual(["reasoning", "function_call"]);
    const output = { type: "function_call_output", call_id: use.id, output: "done" };
    const input = [{ role: "user", content: "hi" }, ...whole.output, output];
    const request = translation.request({ model: "m", input }, "claude", {}) as {
      messages: { content: Fields[] }[];
    };
    expect(request.messages[1]!.content).toEqual([signed, use]);
  });

  it("without a signature, of another format or twice does not reach Anthropic", () => {
    const call = { id: use.id, type: "function", function: { name: "read", arguments: '{"path":"a"}' } };
    const base = { content: null, tool_calls: [call] };
    for (const details of [
      [{ type: "reasoning.text", text: "hm", index: 0 }],
      [{ type: "reasoning.text", text: "hm", signature: "", format: "anthropic-claude-v1", index: 0 }],
      [{ type: "reasoning.text", text: "hm", signature: "s", format: "google-gemini-v1", index: 0 }],
      [{ type: "reasoning.encrypted", data: "d", format: "openai-responses-v1", index: 0 }],
      [{ type: "reasoning.encrypted", data: "d", index: 0 }],
      "nonsense",
      [null, 5],
    ])
      expect(returned({ ...base, reasoning_details: details })).toEqual([use]);
    const twice = [signed, { ...signed, cache_control: { type: "ephemeral" }, index: 3 }];
    expect(returned({ ...base, thinking_blocks: twice })).toEqual([signed, use]);
  });
});
