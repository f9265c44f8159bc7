import { describe, expect, it } from "vitest";
import { chatToMessages } from "../../../src/adapters/translation/chat-to-messages/index.ts";
import { compose } from "../../../src/adapters/translation/compose.ts";
import type { FromChat, ToChat } from "../../../src/adapters/translation/halves.ts";
import { messagesToChat } from "../../../src/adapters/translation/messages-to-chat/index.ts";
import { type Fields, refused } from "../../../src/adapters/translation/request-fields.ts";
import { responsesToChat } from "../../../src/adapters/translation/responses-to-chat/index.ts";
import { garbage, payloadOf, TranslatedPipe } from "../../../src/adapters/translation/translated-pipe.ts";
import { type ChatCompletion, chatUsage, doneData } from "../../../src/wire/dialects/chat.ts";
import type { Dialect } from "../../../src/wire/dialects/types.ts";
import { noUsage, type Usage } from "../../../src/wire/dialects/usage.ts";
import { type SseEvent, sseFrame } from "../../../src/wire/sse.ts";
import { bytesOf, cutAt, fixedId, recorded, recordings, through } from "./streams.ts";

/** An invented dialect: a request is `{lines}`, an answer `{text}`, a stream has one event `text` for each piece. */
const lines = "lines" as Dialect;

class LinesFromChat extends TranslatedPipe {
  usage: Usage = noUsage;

  protected override convert({ data }: SseEvent): string {
    if (data === doneData) return this.close();
    const { choices: [choice] = [], usage } = payloadOf({ event: "message", data }) as ChatCompletion;
    this.usage = chatUsage(usage) ?? this.usage;
    if (choice?.finish_reason) this.finished = true;
    const text = choice?.delta?.content;
    return text ? sseFrame({ event: "text", data: JSON.stringify(text) }) : "";
  }

  protected override close(): string {
    this.done = true;
    return sseFrame({ event: "end", data: "{}" });
  }
}

const linesToChat: ToChat = {
  caller: lines,
  provider: "chat",
  callerFields: { messages: "/lines", max_tokens: "/longest" },
  answerSettings: () => ({}),
  toChat(body, model) {
    const said = body.lines as string[];
    const request = { model, messages: said.map((content) => ({ role: "user", content })) };
    return { request, paths: said.map((_, index) => `/lines/${index}`) };
  },
  request: (body, model) => linesToChat.toChat(body, model, {}, false).request,
  response: (body) => ({ text: (body as ChatCompletion).choices?.[0]?.message?.content }),
  stream: () => new LinesFromChat(),
};

/** Turns events of the invented dialect, whose data are texts, into chat chunks. */
class ChatFromLines extends TranslatedPipe {
  usage: Usage = { promptTokens: 1, completionTokens: 2, cachedTokens: 0 };

  protected override convert({ event, data }: SseEvent): string {
    const isEnd = event === "end";
    this.finished = isEnd;
    this.done = isEnd;
    if (!isEnd && !data.startsWith('"')) throw garbage("sent a piece that is no text");
    const chunk = isEnd
      ? { choices: [{ delta: {}, finish_reason: "stop" }] }
      : { id: "chatcmpl-1", choices: [{ delta: { content: JSON.parse(data) } }] };
    return sseFrame({ data: JSON.stringify(chunk) }) + (isEnd ? sseFrame({ data: doneData }) : "");
  }

  protected override close(): string {
    return "";
  }
}

const chatToLines = (takesThinking = false): FromChat => ({
  caller: "chat",
  provider: lines,
  takesThinking,
  request({ messages, tools, max_tokens, ...rest }, model) {
    if (tools) throw refused("/tools", "tools has no counterpart");
    if (max_tokens === 0) throw refused("/max_tokens", "max_tokens must be more than 0");
    const shown = (messages as Fields[]).map((message, index) => {
      if (message.content === "bad")
        throw refused(`/messages/${index}/content`, "messages[2].content is bad");
      return message.thinking_blocks ? { ...message } : message.content;
    });
    return { model, lines: shown, ...("response_format" in rest && { form: rest.response_format }) };
  },
  response: (body) => ({
    id: "chatcmpl-1",
    choices: [{ message: { content: (body as { text: string }).text }, finish_reason: "stop" }],
  }),
  stream: () => new ChatFromLines(),
});

const events = bytesOf(
  sseFrame({ event: "text", data: '"Grüße "' }) +
    sseFrame({ event: "text", data: '"aus\\nKöln"' }) +
    sseFrame({ event: "end", data: "{}" }),
);

describe("a translation from an invented dialect, composed with chat to messages", () => {
  const composed = compose(
    linesToChat,
    chatToMessages(() => 0, fixedId),
  );

  it("leads from the one dialect to the other", () => {
    expect(composed).toMatchObject({ caller: "lines", provider: "messages" });
  });

  it("translates requests through both halves", () => {
    expect(composed.request({ lines: ["a", "b"] }, "claude-opus-4-1", {})).toMatchObject({
      model: "claude-opus-4-1",
      messages: [
        {
          role: "user",
          content: [
            { type: "text", text: "a" },
            { type: "text", text: "b" },
          ],
        },
      ],
    });
  });

  it("translates answers back through both halves", () => {
    const answer = { content: [{ type: "text", text: "hello" }], stop_reason: "end_turn" };
    expect(composed.response(answer, "mine", {})).toEqual({ text: "hello" });
  });

  it.each(recordings("anthropic"))("translates the stream %s, cut anywhere", (name) => {
    const bytes = recorded(name);
    const whole = through(composed.stream("mine", {}), [bytes]);
    for (let place = 1; place < bytes.length; place += 13) {
      expect(through(composed.stream("mine", {}), cutAt(bytes, [place]))).toEqual(whole);
    }
    expect(whole.done === /^event: end$/m.test(whole.text)).toBe(true);
  });
});

describe.each([
  [
    "messages",
    messagesToChat(fixedId),
    { messages: [{ role: "user", content: "hi" }], max_tokens: 9 },
    "message_stop",
  ],
  ["responses", responsesToChat(() => 0, fixedId), { input: "hi" }, "response.completed"],
] as const)("callers of %s at a provider of an invented dialect", (caller, half, request, last) => {
  const composed = compose(half, chatToLines());

  it("have their requests and answers translated", () => {
    expect(composed).toMatchObject({ caller, provider: "lines" });
    expect(composed.request(request, "theirs", {})).toEqual({ model: "theirs", lines: ["hi"] });
    expect(JSON.stringify(composed.response({ text: "hello" }, "mine", request))).toContain('"text":"hello"');
  });

  it("have their streams translated, cut at every byte", () => {
    const whole = through(composed.stream("mine", request), [events]);
    expect(whole).toMatchObject({
      finished: true,
      done: true,
      usage: { promptTokens: 1, completionTokens: 2 },
    });
    expect(whole.text).toContain("aus\\nKöln");
    expect(whole.text).toContain(`event: ${last}`);
    for (let place = 1; place < events.length; place++) {
      expect(through(composed.stream("mine", request), cutAt(events, [place]))).toEqual(whole);
    }
  });

  it("are told of a stream that breaks off, and of one that makes no sense", () => {
    const cut = through(composed.stream("mine", request), [events.subarray(0, events.length - 20)]);
    expect(cut).toMatchObject({ finished: false, done: false, fault: undefined });
    const senseless = through(composed.stream("mine", request), [bytesOf("data: not json\n\n")]);
    expect(senseless.fault).toBeDefined();
  });
});

describe("a refusal of the second half", () => {
  const refusal = (half: ToChat, body: Fields) => {
    try {
      compose(half, chatToLines()).request(body, "theirs", {});
    } catch (error) {
      return (error as { details: unknown[] }).details[0];
    }
    return undefined;
  };

  it("names the part of the caller's request that the message was made from", () => {
    expect(refusal(linesToChat, { lines: ["a", "b", "bad"] })).toEqual({
      path: "/lines/2",
      message: "lines[2] is bad",
    });
    const messages = [
      { role: "user", content: "a" },
      { role: "assistant", content: "b" },
      {
        role: "user",
        content: [
          { type: "tool_result", tool_use_id: "t1", content: "fine" },
          { type: "text", text: "bad" },
        ],
      },
    ];
    expect(refusal(messagesToChat(fixedId), { max_tokens: 1, messages })).toEqual({
      path: "/messages/2",
      message: "messages[2] is bad",
    });
  });

  it("names the caller's field that the chat request's field was made from", () => {
    expect(
      refusal(
        responsesToChat(() => 0, fixedId),
        { input: "x", max_output_tokens: 0 },
      ),
    ).toEqual({
      path: "/max_output_tokens",
      message: "max_output_tokens must be more than 0",
    });
  });

  it("stays as it is for a field that both have", () => {
    const tools = [{ name: "look", input_schema: { type: "object" } }];
    const body = { max_tokens: 1, messages: [{ role: "user", content: "x" }], tools };
    expect(refusal(messagesToChat(fixedId), body)).toEqual({
      path: "/tools",
      message: "tools has no counterpart",
    });
  });
});

it("signed thinking reaches only a provider that takes it back", () => {
  const carried = { type: "thinking", thinking: "hm", signature: "s" };
  const half = responsesToChat(() => 0, fixedId);
  const encrypted = compose(
    half,
    chatToMessages(() => 0, fixedId),
  ).response({ content: [carried, { type: "text", text: "yes" }], stop_reason: "end_turn" }, "mine", {}) as {
    output: Fields[];
  };
  const input = [{ role: "user", content: "?" }, ...encrypted.output, { role: "user", content: "and?" }];
  const requestTo = (second: FromChat) =>
    JSON.stringify(compose(half, second).request({ input }, "theirs", {}));
  expect(requestTo(chatToLines(true))).toContain('"signature":"s"');
  expect(requestTo(chatToLines(false))).not.toContain('"signature":"s"');
});

it("the form of an answer that the caller asked for is known to the second half when it reads the answer", () => {
  const seen: Fields[] = [];
  const second: FromChat = {
    ...chatToLines(),
    response(body, model, request = {}) {
      seen.push(request);
      return chatToLines().response(body, model, request);
    },
  };
  const schema = { type: "object" };
  const text = { format: { type: "json_schema", name: "answer", schema } };
  compose(
    responsesToChat(() => 0, fixedId),
    second,
  ).response({ text: "{}" }, "mine", { input: "x", text });
  compose(messagesToChat(fixedId), second).response({ text: "{}" }, "mine", {
    output_config: { format: { type: "json_schema", schema } },
    tools: [{ name: "look", input_schema: schema }],
  });
  expect(seen).toMatchObject([
    { response_format: { json_schema: { schema } } },
    { response_format: { json_schema: { schema } }, tools: [{ function: { name: "look" } }] },
  ]);
});
