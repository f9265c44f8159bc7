import { describe, expect, it } from "vitest";
import { translationFor } from "../../../src/adapters/translation/index.ts";
import { sseFrame } from "../../../src/wire/sse.ts";
import { bytesOf, fixedId, type Outcome, payloadsOf, recorded, recordedJson, through } from "./streams.ts";

/** Translation cases by number: Anthropic's answers, translated for chat callers. */

const translation = translationFor("chat", "messages", () => 7_000, fixedId)!;
const withUsage = { stream_options: { include_usage: true } };

// biome-ignore lint/suspicious/noExplicitAny: tests read any field
type Whatever = any;

const event = (type: string, fields: object = {}) =>
  sseFrame({ event: type, data: JSON.stringify({ type, ...fields }) });
const start = event("message_start", {
  message: { id: "msg_1", usage: { input_tokens: 10, output_tokens: 1, service_tier: "priority" } },
});
const open = (index: number, content_block: object) => event("content_block_start", { index, content_block });
const piece = (index: number, delta: object) => event("content_block_delta", { index, delta });
const close = (index: number) => event("content_block_stop", { index });
const ending = (stop_reason = "end_turn", usage: object = { output_tokens: 4 }) =>
  event("message_delta", { delta: { stop_reason }, usage }) + event("message_stop");
const args = (partial_json: string) => ({ type: "input_json_delta", partial_json });

/** Returns the message of a whole answer. */
function whole(answer: object, request: object = {}): Whatever {
  const completion = translation.response({ id: "msg_1", content: [], ...answer }, "mine", { ...request });
  return JSON.parse(JSON.stringify(completion));
}

const messageOf = (answer: object, request: object = {}) => whole(answer, request).choices[0].message;
const streamed = (texts: string | string[], request: object = {}): Outcome =>
  through(translation.stream("mine", { ...request }), [texts].flat().map(bytesOf));
const chunksOf = ({ text }: Outcome) => payloadsOf(text) as Whatever[];

/** Returns the deltas of a stream, without the first one with the role and the empty last one. */
function deltasOf(outcome: Outcome): Whatever[] {
  const deltas = chunksOf(outcome).flatMap(
    (chunk) => chunk.choices?.map(({ delta }: Whatever) => delta) ?? [],
  );
  return deltas.slice(1).filter((delta) => Object.keys(delta).length > 0);
}

describe("a whole answer", () => {
  it("case 43: text is joined, and tools alone have content null", () => {
    const content = [
      { type: "text", text: "a" },
      { type: "text", text: "b" },
    ];
    expect(messageOf({ content }).content).toBe("ab");
    const use = { type: "tool_use", id: "t", name: "f", input: {} };
    expect(messageOf({ content: [use] })).toMatchObject({ content: null, tool_calls: [{ id: "t" }] });
  });

  it.each([
    ["end_turn", "stop"],
    ["stop_sequence", "stop"],
    ["pause_turn", "stop"],
    ["max_tokens", "length"],
    ["model_context_window_exceeded", "length"],
    ["tool_use", "tool_calls"],
    ["refusal", "content_filter"],
  ])("case 44: %s is %s, whole and streamed", (stop_reason, expected) => {
    expect(whole({ stop_reason }).choices[0].finish_reason).toBe(expected);
    expect(chunksOf(streamed(start + ending(stop_reason))).at(-2).choices[0].finish_reason).toBe(expected);
  });

  it("case 44: a stop reason that is not known is a fault, whole and streamed", () => {
    expect(() => whole({ stop_reason: "something_new" })).toThrow('finish reason "something_new"');
    const { fault, finished, text } = streamed(start + ending("something_new"));
    expect([fault?.message, finished]).toEqual([expect.stringContaining('"something_new"'), false]);
    expect(text).not.toMatch(/DONE|"finish_reason":"/);
  });

  it("case 44: stop_details say why it refused, whole and streamed", () => {
    const stop_details = { type: "refusal", category: "cyber", explanation: "malware" };
    expect(messageOf({ stop_reason: "refusal", stop_details }).refusal).toBe("malware");
    const outcome = through(translation.stream("mine", {}), [recorded("anthropic/refusal.sse")]);
    expect(deltasOf(outcome).at(-1)).toEqual({ refusal: "The request asks for malware." });
  });

  it("case 45: the prompt counts the cache in, whole and streamed", () => {
    const usage = {
      input_tokens: 10,
      cache_read_input_tokens: 100,
      cache_creation_input_tokens: 5,
      output_tokens: 7,
      output_tokens_details: { thinking_tokens: 3 },
    };
    const counted = {
      prompt_tokens: 115,
      completion_tokens: 7,
      total_tokens: 122,
      prompt_tokens_details: { cached_tokens: 100, cache_write_tokens: 5 },
      completion_tokens_details: { reasoning_tokens: 3 },
    };
    expect(whole({ usage }).usage).toEqual(counted);
    expect(chunksOf(streamed(start + ending("end_turn", usage), withUsage)).at(-2).usage).toEqual(counted);
  });

  it("case 46: iterations are not counted twice", () => {
    const usage = { input_tokens: 5, output_tokens: 7, iterations: [{ input_tokens: 5, output_tokens: 7 }] };
    expect(whole({ usage }).usage.total_tokens).toBe(12);
    expect(streamed(start + ending("end_turn", usage)).usage).toMatchObject({
      // The start of the stream has 10: of two reports the larger counts (case 116).
      promptTokens: 10,
      completionTokens: 7,
    });
  });

  it("case 47: tools that ran at the provider are no calls, whole and streamed", () => {
    const searched = [
      { type: "server_tool_use", id: "s", name: "web_search", input: { query: "q" } },
      { type: "web_search_tool_result", tool_use_id: "s", content: [] },
      { type: "text", text: "found" },
    ];
    const message = messageOf({ content: searched });
    expect(message.content).toBe("found");
    expect(message).not.toHaveProperty("tool_calls");
    const frames = searched.map((block, index) => open(index, block) + close(index)).join("");
    expect(deltasOf(streamed(start + frames + ending()))).toEqual([{ content: "found" }]);
  });

  it("case 47: a search at the provider and its citations leave the answer and the caller's own tool", () => {
    const outcome = through(translation.stream("mine", withUsage), [recorded("anthropic/server-tools.sse")]);
    const deltas = deltasOf(outcome);
    expect(deltas[0]).toEqual({ content: 'Sunny, 21 °C. 👋 "\\\n' });
    const calls = deltas.slice(1).map(({ tool_calls: [call] }) => call);
    expect(calls[0]).toMatchObject({ index: 0, id: "toolu_01C", function: { name: "get_weather" } });
    expect(calls.map((call) => call.function.arguments).join("")).toBe(
      '{"id": 9007199254740993, "city": "Z\\u00fcrich"}',
    );
    expect(chunksOf(outcome).at(-2).usage).toMatchObject({ prompt_tokens: 1126, completion_tokens: 97 });
    expect(outcome.text).not.toMatch(/web_search|srvtoolu|citation/);
  });

  it("case 48: blocks and events of types not known are skipped, whole and streamed", () => {
    const content = [
      { type: "hologram", text: "?" },
      { type: "text", text: "x" },
    ];
    expect(messageOf({ content }).content).toBe("x");
    const text =
      start + open(0, content[0]!) + piece(0, { type: "new", text: "?" }) + close(0) + event("new");
    expect(deltasOf(streamed(text + open(1, content[1]!) + close(1) + ending()))).toEqual([{ content: "x" }]);
  });

  it("case 29: the tier that served is told, whole and streamed", () => {
    const tierOf = (service_tier: unknown) => whole({ usage: { service_tier } }).service_tier;
    expect([tierOf("standard"), tierOf("priority"), tierOf("batch"), tierOf(undefined)]).toEqual([
      "default",
      "priority",
      undefined,
      undefined,
    ]);
    const chunks = chunksOf(streamed(start + ending())).slice(0, -1);
    expect(chunks.map(({ service_tier }) => service_tier)).toEqual(["priority", "priority"]);
  });
});

describe("changes of the request are undone in the answer", () => {
  const long = `mcp__${"server".repeat(12)}__tool`;
  const request = { tools: [{ type: "function", function: { name: long } }] };
  const given = (
    translation.request({ ...request, messages: [{ role: "user", content: "x" }] }, "m", {}) as Whatever
  ).tools[0].name;
  const use = { type: "tool_use", id: "call.0:1", name: given, input: { a: 1 } };

  it("case 42: names of tools, and ids that clients may not like, whole and streamed", () => {
    expect(given).not.toBe(long);
    const [call] = messageOf({ content: [use] }, request).tool_calls;
    expect(call.function).toEqual({ name: long, arguments: '{"a":1}' });
    expect(call.id).toBe(use.id);
    const text =
      start + open(0, { ...use, input: {} }) + piece(0, args('{"a":1}')) + close(0) + ending("tool_use");
    expect(deltasOf(streamed(text, request))[0].tool_calls[0]).toMatchObject({
      id: call.id,
      function: { name: long },
    });
    // A tool that the caller has not named goes by its own name.
    expect(messageOf({ content: [{ ...use, name: "other" }] }, request).tool_calls[0].function.name).toBe(
      "other",
    );
  });

  it("case 36: the json tool is the content and a plain stop, whole and streamed", () => {
    const asked = { response_format: { type: "json_schema", json_schema: { name: "x", schema: {} } } };
    const answer = { ...use, name: "json", input: { n: 1 } };
    const completion = whole({ content: [answer], stop_reason: "tool_use" }, asked);
    expect(completion.choices[0]).toMatchObject({ finish_reason: "stop", message: { content: '{"n":1}' } });
    expect(completion.choices[0].message).not.toHaveProperty("tool_calls");
    const text =
      start + open(0, { ...answer, input: {} }) + piece(0, args('{"n"')) + piece(0, args(":1}")) + close(0);
    const outcome = streamed(text + ending("tool_use"), asked);
    expect(deltasOf(outcome)).toEqual([{ content: '{"n"' }, { content: ":1}" }]);
    expect(chunksOf(outcome).at(-2).choices[0].finish_reason).toBe("stop");
    // A caller's own tool of that name stays a call.
    const own = { ...asked, tools: [{ type: "function", function: { name: "json" } }] };
    expect(whole({ content: [answer], stop_reason: "tool_use" }, own).choices[0]).toMatchObject({
      finish_reason: "tool_calls",
      message: { content: null, tool_calls: [{ function: { name: "json" } }] },
    });
    const beside = whole({ content: [answer, { ...use, name: "f" }], stop_reason: "tool_use" }, asked);
    expect(beside.choices[0]).toMatchObject({
      finish_reason: "tool_calls",
      message: { content: '{"n":1}', tool_calls: [{ function: { name: "f" } }] },
    });
  });
});

describe("a stream", () => {
  it("case 49: begins with the role, and id, created and model are the same throughout", () => {
    const chunks = chunksOf(streamed(start + open(0, { type: "text", text: "x" }) + ending())).slice(0, -1);
    expect(chunks[0].choices[0].delta).toEqual({ role: "assistant", content: "" });
    for (const chunk of chunks)
      expect(chunk).toMatchObject({ id: `chatcmpl-${fixedId()}`, created: 7, model: "mine" });
  });

  it("case 50: a tool in block 3 is tool call 0, with id and name once", () => {
    const text = start + open(3, { type: "tool_use", id: "A", name: "f", input: {} }) + piece(3, args("{}"));
    const [first, ...rest] = deltasOf(streamed(text));
    expect(first.tool_calls).toEqual([
      { index: 0, id: "A", type: "function", function: { name: "f", arguments: "" } },
    ]);
    expect(JSON.stringify(rest)).not.toMatch(/"id"|"name"/);
  });

  it("case 51: pieces of arguments go under their tool's index, interleaved ones too", () => {
    const text =
      start +
      open(1, { type: "tool_use", id: "A", name: "f" }) +
      open(2, { type: "tool_use", id: "B", name: "g" });
    const pieces = piece(1, args('{"a"')) + piece(2, args('{"b"')) + piece(1, args(":1}"));
    expect(deltasOf(streamed(text + pieces)).slice(2)).toEqual([
      { tool_calls: [{ index: 0, function: { arguments: '{"a"' } }] },
      { tool_calls: [{ index: 1, function: { arguments: '{"b"' } }] },
      { tool_calls: [{ index: 0, function: { arguments: ":1}" } }] },
    ]);
  });

  it("case 52: an empty piece makes no chunk, and a tool without arguments has {}", () => {
    const text =
      start + open(0, { type: "tool_use", id: "A", name: "f", input: {} }) + piece(0, args("")) + close(0);
    const [, ...rest] = deltasOf(streamed(text));
    expect(rest).toEqual([{ tool_calls: [{ index: 0, function: { arguments: "{}" } }] }]);
  });

  it("case 53: input that comes with the block is sent once, with all its digits", () => {
    const whole =
      '{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"A","name":"f","input":{"n":9007199254740993}}}';
    const [, ...rest] = deltasOf(streamed(`${start}data: ${whole}\n\n${close(0)}`));
    expect(rest).toEqual([{ tool_calls: [{ index: 0, function: { arguments: '{"n":9007199254740993}' } }] }]);
  });

  it("case 54: thinking is reasoning_content, its signature stands aside, and redacted thinking is opaque", () => {
    const deltas = deltasOf(through(translation.stream("mine", {}), [recorded("anthropic/thinking.sse")]));
    expect(deltas.map((delta) => Object.keys(delta)[0])).toEqual([
      "reasoning_content",
      "reasoning_content",
      "thinking_blocks",
      "thinking_blocks",
      "content",
    ]);
    expect(deltas.at(-1)).toEqual({ content: "4." });
    // The signed text comes back unchanged.
    const blocks = deltas.flatMap(({ thinking_blocks = [] }) => thinking_blocks);
    const back = { role: "assistant", content: "4.", thinking_blocks: blocks };
    const { messages } = translation.request(
      { messages: [{ role: "user", content: "2+2" }, back] },
      "m",
      {},
    ) as Whatever;
    expect(messages[1].content).toEqual([
      { type: "thinking", thinking: "The user asks for 2+2.", signature: "EqQBCgIYAhIM1gbcDa9GJwZA2b3h" },
      { type: "redacted_thinking", data: "EmwKAhgBEgy3va3pzix" },
      { type: "text", text: "4." },
    ]);
    const signed = (recordedJson("anthropic/thinking.json") as Whatever).content.slice(0, 2);
    expect(messageOf(recordedJson("anthropic/thinking.json") as object).thinking_blocks).toEqual(signed);
  });

  it("case 55: citations are left out", () => {
    const text =
      start +
      open(0, { type: "text", text: "" }) +
      piece(0, { type: "citations_delta", citation: { cited_text: "q" } });
    expect(deltasOf(streamed(text + piece(0, { type: "text_delta", text: "x" })))).toEqual([
      { content: "x" },
    ]);
  });

  it("case 56: pings and comments make nothing", () => {
    const quiet = streamed(start + ending());
    expect(streamed(`:\n\n${event("ping")}${start}${event("ping")}: hi\n\n${ending()}`).text).toBe(
      quiet.text,
    );
  });

  it("case 57: finish, then usage where it was asked for, then [DONE]", () => {
    const asked = chunksOf(streamed(start + ending(), withUsage));
    expect(asked.map((chunk) => chunk.usage ?? chunk)).toMatchObject([
      { usage: null },
      { usage: null, choices: [{ finish_reason: "stop" }] },
      { total_tokens: 14 },
      "[DONE]",
    ]);
    expect(asked[2].choices).toEqual([]);
    expect(streamed(start + ending()).text).not.toContain("usage");
  });

  it("case 58: later counts replace earlier ones, and are never summed", () => {
    const usage = { input_tokens: 12, output_tokens: 9 };
    expect(streamed(start + ending("end_turn", usage)).usage).toMatchObject({
      promptTokens: 12,
      completionTokens: 9,
    });
    expect(streamed(start + ending()).usage).toMatchObject({ promptTokens: 10, completionTokens: 4 });
  });

  it("case 59: an error is a fault with its status, before or after the first chunk, and no finish", () => {
    const failed = event("error", { error: { type: "overloaded_error", message: "Overloaded" } });
    for (const before of ["", start]) {
      const outcome = streamed(before + failed + ending());
      expect(outcome.fault).toMatchObject({ message: "Overloaded", type: "overloaded_error", status: 529 });
      expect(outcome.text).not.toMatch(/DONE|"finish_reason":"/);
    }
    expect(streamed(failed).text).toBe("");
  });

  it("case 60: it is whole once the reason for its end has come, and behind message_stop nothing counts", () => {
    const delta = (stop_reason: string | null) => event("message_delta", { delta: { stop_reason } });
    for (const cut of [streamed(start), streamed(start + delta(null))]) {
      expect([cut.finished, cut.done]).toEqual([false, false]);
      expect(cut.text).not.toMatch(/DONE|"finish_reason":"/);
    }
    for (const end of ["", "data: [DONE]\n\n"]) {
      const whole = streamed(start + delta("max_tokens") + end);
      expect([whole.finished, whole.done, whole.fault]).toEqual([true, true, undefined]);
      expect(whole.text).toMatch(/"finish_reason":"length"[\s\S]*\[DONE\]/);
    }
    expect(streamed(`${start}data: [DONE]\n\n`).fault?.message).toContain("without a reason for the end");
    const more = streamed(start + ending() + start + event("error", { error: { message: "late" } }));
    expect([more.finished, more.done, more.fault]).toEqual([true, true, undefined]);
  });

  it.each([
    ["CRLF", (text: string) => text.replaceAll("\n", "\r\n")],
    ["CR", (text: string) => text.replaceAll("\n", "\r")],
    ["no space behind data:", (text: string) => text.replaceAll("data: ", "data:")],
    ["a byte order mark", (text: string) => `\uFEFF${text}`],
    ["data on two lines", (text: string) => text.replaceAll(',"index"', '\ndata: ,"index"')],
    ["mixed line ends", (text: string) => text.replaceAll("\n\n", "\r\n\n")],
  ])("case 61: with %s it reads the same", (_name, changed) => {
    const text = Buffer.from(recorded("anthropic/parallel-tools.sse")).toString();
    expect(changed(text)).not.toBe(text);
    expect(streamed(changed(text))).toEqual(streamed(text));
  });

  it("case 62: cut in a character, in an escape, and between CR and LF it reads the same", () => {
    const text =
      start + open(0, { type: "text", text: "" }) + piece(0, { text: "東👋🏽" }).replace("東", "\\u6771東");
    const bytes = bytesOf((text + ending()).replaceAll("\n", "\r\n"));
    const expected = streamed(text + ending());
    expect(deltasOf(expected)).toEqual([{ content: "東東👋🏽" }]);
    for (let place = 1; place < bytes.length; place++) {
      const cut = through(translation.stream("mine", {}), [bytes.subarray(0, place), bytes.subarray(place)]);
      expect(cut, `cut at ${place}`).toEqual(expected);
    }
  });

  it("case 63: all events in one chunk or each byte in its own come out the same", () => {
    const bytes = recorded("anthropic/parallel-tools.sse");
    const single = Array.from(bytes, (byte) => Uint8Array.of(byte));
    expect(through(translation.stream("mine", {}), single)).toEqual(
      through(translation.stream("mine", {}), [bytes]),
    );
  });

  it("case 64: an event of more than 256 KiB goes through", () => {
    const long = "x".repeat(300 * 1024);
    const text = start + open(0, { type: "text", text: "" }) + piece(0, { text: long }) + ending();
    expect(deltasOf(streamed(text))).toEqual([{ content: long }]);
  });

  it("case 65: the same message_start again is ignored, and another one is an error", () => {
    expect(streamed(start + start + ending()).text).toBe(streamed(start + ending()).text);
    const other = event("message_start", { message: { id: "msg_2" } });
    expect(streamed(start + other + ending())).toMatchObject({
      finished: false,
      fault: { message: expect.stringContaining("second message") },
    });
  });
});
