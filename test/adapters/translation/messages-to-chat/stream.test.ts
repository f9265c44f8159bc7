import { describe, expect, it } from "vitest";
import { ownCallId } from "../../../../src/adapters/translation/call-ids.ts";
import { isCarriedState } from "../../../../src/adapters/translation/carried-state.ts";
import { MessagesFromChat } from "../../../../src/adapters/translation/messages-to-chat/stream.ts";
import type { MessagesEvent } from "../../../../src/wire/dialects/messages.ts";
import { bytesOf, eventsOf, type Outcome, through } from "../streams.ts";

const chunk = (delta: object, finish_reason: string | null = null, rest: object = {}) =>
  `data: ${JSON.stringify({ id: "chatcmpl-1", choices: [{ index: 0, delta, finish_reason }], ...rest })}\n\n`;
const tool = (index: number | undefined, args: unknown, id?: string, name?: string) =>
  chunk({ tool_calls: [{ index, id, function: { name, arguments: args } }] });
const done = "data: [DONE]\n\n";

const translated = (...texts: string[]): Outcome => through(new MessagesFromChat("mine"), texts.map(bytesOf));

/** The stream in short: `start 0 text`, `0 text: Hello`, `stop 0`. Fails where event and type disagree. */
function brief({ text }: Outcome): string[] {
  return eventsOf(text).map(({ event, data }) => {
    const { type, index, content_block, delta } = JSON.parse(data) as MessagesEvent;
    expect(event).toBe(type);
    if (type === "content_block_start") {
      const id = content_block?.id && ownCallId(content_block.id);
      return ["start", index, content_block?.type, id, content_block?.name]
        .filter((one) => one !== undefined)
        .join(" ");
    }
    if (type === "content_block_delta") {
      return `${index}: ${delta?.text ?? delta?.partial_json ?? delta?.thinking ?? `signed ${isCarriedState(delta?.signature)}`}`;
    }
    if (type === "content_block_stop") return `stop ${index}`;
    return type === "message_delta" ? `message_delta ${delta?.stop_reason}` : type!;
  });
}

describe("chat chunks translated to Anthropic's stream", () => {
  it("have one block after the other, with rising indexes and no empty ones (case 68)", () => {
    const outcome = translated(
      chunk({ role: "assistant", content: "" }),
      chunk({ reasoning_content: "hm" }),
      chunk({ content: "Let" }),
      chunk({ content: " me" }),
      tool(0, "", "c1", "f"),
      tool(0, '{"x":1}'),
      chunk({ content: "Done" }),
      chunk({}, "stop"),
      done,
    );
    expect(brief(outcome)).toEqual([
      "message_start",
      "start 0 thinking",
      "0: hm",
      "0: signed true",
      "stop 0",
      "start 1 text",
      "1: Let",
      "1:  me",
      "stop 1",
      "start 2 tool_use c1 f",
      '2: {"x":1}',
      "stop 2",
      "start 3 text",
      "3: Done",
      "stop 3",
      "message_delta tool_use",
      "message_stop",
    ]);
  });

  it("have the pieces of interleaved tool calls apart", () => {
    const outcome = translated(
      tool(0, '{"a"', "c0", "f"),
      tool(1, '{"b"', "c1", "g"),
      tool(0, ":0}"),
      tool(1, ":1}"),
      tool(2, "{}", "c2", "h"),
      chunk({}, "tool_calls"),
      done,
    );
    expect(brief(outcome).slice(1, -2)).toEqual([
      "start 0 tool_use c0 f",
      '0: {"a"',
      "0: :0}",
      "stop 0",
      "start 1 tool_use c1 g",
      '1: {"b":1}',
      "stop 1",
      "start 2 tool_use c2 h",
      "2: {}",
      "stop 2",
    ]);
  });

  it.each([
    [
      "every call at index 0, arguments as objects (Ollama)",
      [tool(0, { x: 1 }, "a", "f"), tool(0, { y: 2 }, "b", "g")],
    ],
    ["index -1", [tool(-1, '{"x":1}', "a", "f"), tool(-1, '{"y":2}', "b", "g")]],
    [
      "no index",
      [tool(undefined, '{"x":', "a", "f"), tool(undefined, "1}"), tool(undefined, '{"y":2}', "b", "g")],
    ],
    [
      "id and name in every piece",
      [tool(0, '{"x":', "a", "f"), tool(0, "1}", "a", "f"), tool(1, '{"y":2}', "b", "g")],
    ],
    [
      "an empty name in later pieces",
      [tool(0, '{"x":', "a", "f"), tool(0, "1}", "", ""), tool(1, '{"y":2}', "b", "g")],
    ],
    [
      "both in one chunk, with text",
      [
        chunk({
          content: "",
          tool_calls: [
            { index: 0, id: "a", function: { name: "f", arguments: '{"x":1}' } },
            { index: 1, id: "b", function: { name: "g", arguments: '{"y":2}' } },
          ],
        }),
      ],
    ],
  ])("have parallel tool calls apart with %s", (_name, pieces) => {
    const lines = brief(translated(...pieces, chunk({}, "stop"), done));
    const inputs = (index: number) =>
      lines
        .filter((line) => line.startsWith(`${index}: `))
        .map((line) => line.slice(3))
        .join("");
    expect(lines.filter((line) => line.startsWith("start"))).toEqual([
      "start 0 tool_use a f",
      "start 1 tool_use b g",
    ]);
    expect([inputs(0), inputs(1)]).toEqual(['{"x":1}', '{"y":2}']);
    expect(lines.at(-2)).toBe("message_delta tool_use");
  });

  it("stream the next tool call at once when the one before it is whole", () => {
    const pipe = new MessagesFromChat("mine");
    pipe.push(bytesOf(tool(0, '{"x":1}', "a", "f")));
    expect(pipe.push(bytesOf(tool(1, '{"y"', "b", "g")))).toMatch(/"id":"mc\w{6}_b","name":"g"/);
  });

  it("send the tool calls that waited for one without arguments", () => {
    const outcome = translated(tool(0, "", "a", "f"), tool(1, '{"y":2}', "b", "g"), chunk({}, "stop"), done);
    expect(brief(outcome).slice(1, -2)).toEqual([
      "start 0 tool_use a f",
      "stop 0",
      "start 1 tool_use b g",
      '1: {"y":2}',
      "stop 1",
    ]);
  });

  it("get ids where they have none, unique in the conversation", () => {
    const outcome = translated(
      tool(0, "{}", undefined, "f"),
      tool(1, "{}", undefined, "g"),
      chunk({}, "stop"),
      done,
    );
    const ids = Array.from(outcome.text.matchAll(/"id":"(toolu_\w+)"/g), ([, id]) => id);
    expect(new Set(ids).size).toBe(2);
  });

  it("fail for arguments of a tool call that is closed, instead of losing them", () => {
    const outcome = translated(tool(0, '{"x"', "a", "f"), chunk({ content: "hi" }), tool(0, ":1}"));
    expect(outcome.fault?.message).toContain("after its end");
  });

  it.each([
    ["with [DONE]", [done]],
    ["without [DONE]", []],
  ])("have the usage that comes after the finish, %s (case 70)", (_name, last) => {
    const usage =
      'data: {"id":"chatcmpl-1","choices":[],"usage":{"prompt_tokens":100,"completion_tokens":4,"prompt_tokens_details":{"cached_tokens":80}}}\n\n';
    const outcome = translated(chunk({ content: "x" }), chunk({}, "length"), usage, ...last);
    const events = eventsOf(outcome.text).map(({ data }) => JSON.parse(data) as MessagesEvent);
    expect(events.at(-2)).toEqual({
      type: "message_delta",
      delta: { stop_reason: "max_tokens", stop_sequence: null },
      usage: {
        input_tokens: 20,
        cache_creation_input_tokens: 0,
        cache_read_input_tokens: 80,
        output_tokens: 4,
      },
    });
    expect(outcome).toMatchObject({
      finished: true,
      done: true,
      usage: { promptTokens: 100, cachedTokens: 80 },
    });
    expect(outcome.text).not.toContain("[DONE]");
  });

  it("make a whole message of an empty answer", () => {
    expect(brief(translated(chunk({ role: "assistant" }), chunk({}, "stop"), done))).toEqual([
      "message_start",
      "message_delta end_turn",
      "message_stop",
    ]);
  });

  it("send nothing before there is content, so that an error can still have its status (case 59)", () => {
    const outcome = translated(
      chunk({ role: "assistant", content: "" }),
      'data: {"error":{"message":"boom","code":503}}\n\n',
    );
    expect(outcome).toMatchObject({ text: "", fault: { message: "boom", status: 503 }, finished: false });
  });

  it.each([
    ["[DONE] without a finish", chunk({ content: "x" }) + done, "without a finish reason"],
    ["no JSON", "data: [nope\n\n", "not a JSON object"],
    ["words", "data: error: out of memory\n\n", "sent words instead of an event: error: out of memory"],
  ])("fail for %s", (_name, text, message) => {
    const outcome = translated(text, chunk({}, "stop"));
    expect(outcome.fault?.message).toContain(message);
    expect(outcome.text).not.toContain("message_stop");
  });

  it("do not finish when the provider breaks off (case 60)", () => {
    expect(translated(chunk({ content: "x" }))).toMatchObject({
      finished: false,
      done: false,
      fault: undefined,
    });
  });
});
