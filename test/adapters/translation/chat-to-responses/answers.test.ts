import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { responsesShapes } from "../../../../src/adapters/shapes/responses.ts";
import { translationFor } from "../../../../src/adapters/translation/index.ts";
import { assembled } from "../messages-calls.ts";
import { bytesOf, cutAt, fixedId, payloadsOf, recorded, through } from "../streams.ts";
import {
  answer,
  eventsOfAnswer,
  functionCall,
  hosted,
  message,
  reasoning,
  refusal,
  usage,
  type Whatever,
} from "./answers.ts";

const fromChat = translationFor("chat", "responses", () => 0, fixedId)!;
const fromMessages = translationFor("messages", "responses", () => 0, fixedId)!;
const asked = { stream_options: { include_usage: true } };

const whole = (answered: Whatever): Whatever =>
  JSON.parse(JSON.stringify(fromChat.response(answered, "mine")));
const streamed = (text: string) => through(fromChat.stream("mine", asked), [bytesOf(text)]);

/** Puts the chunks of a chat stream together. */
function joined(text: string): Whatever {
  const choice: Whatever = { message: {}, finish_reason: null };
  let counts: Whatever;
  let tier: Whatever;
  for (const chunk of payloadsOf(text) as Whatever[]) {
    if (chunk === "[DONE]") continue;
    counts = chunk.usage ?? counts;
    tier = chunk.service_tier ?? tier;
    const [{ delta = {}, finish_reason = null } = {}] = chunk.choices;
    choice.finish_reason = finish_reason ?? choice.finish_reason;
    for (const [name, value] of Object.entries(delta) as [string, Whatever][]) {
      const { message: said } = choice;
      if (name === "tool_calls")
        for (const { index, ...call } of value) {
          said.tool_calls ??= [];
          const known = said.tool_calls[index];
          if (!known) said.tool_calls[index] = call;
          else if (call.function) known.function.arguments += call.function.arguments;
          else known.custom.input += call.custom.input;
        }
      else if (Array.isArray(value)) said[name] = [...(said[name] ?? []), ...value];
      else if (typeof value === "string" && name !== "role") said[name] = (said[name] ?? "") + value;
      else said[name] = value;
    }
  }
  return { ...choice, usage: counts, tier };
}

const both = (answered: Whatever): Whatever => {
  const completion = whole(answered);
  const outcome = streamed(eventsOfAnswer(answered));
  const { message: said, finish_reason, usage: counts, tier } = joined(outcome.text);
  const [choice] = completion.choices;
  const { content, refusal: words, ...rest } = choice.message;
  const expected = { ...rest, content: content ?? "", ...(words && { refusal: words }) };
  expect(said).toEqual(expected);
  expect([finish_reason, counts]).toEqual([choice.finish_reason, completion.usage]);
  expect(outcome).toMatchObject({ finished: true, done: true, fault: undefined });
  expect(outcome.text.endsWith("data: [DONE]\n\n")).toBe(true);
  expect(tier).toBe(completion.service_tier);
  return completion;
};

const custom = (call_id: string, name: string, input: string) => ({
  type: "custom_tool_call",
  id: "ctc_1",
  status: "completed",
  call_id,
  name,
  input,
});

describe("an answer of responses, for a caller of chat, whole and streamed (case 128)", () => {
  it("has its text, its reasoning and its calls", () => {
    const { choices, usage: counts } = both(
      answer([
        reasoning("rs_1", "One.", "Two."),
        hosted,
        message("msg_1", "Grüße 👋🏽", { phase: "commentary" }),
        functionCall("call_1", "f", '{"a": 9007199254740993}'),
        reasoning("rs_2"),
        functionCall("call_2", "g", ""),
        custom("call_3", "patch", "*** x"),
      ]),
    );
    const sealed = { type: "reasoning.encrypted", format: "openai-responses-v1" };
    expect(choices[0]).toEqual({
      index: 0,
      logprobs: null,
      finish_reason: "tool_calls",
      message: {
        role: "assistant",
        content: "Grüße 👋🏽",
        refusal: null,
        reasoning_content: "One.\n\nTwo.",
        reasoning_details: [
          {
            ...sealed,
            id: "rs_1",
            index: 0,
            data: "gAAAArs_1+/==",
            summary: reasoning("rs_1", "One.", "Two.").summary,
          },
          { ...sealed, id: "rs_2", index: 3, data: "gAAAArs_2+/==", summary: [] },
        ],
        extra_content: { openai: { phase: "commentary" } },
        tool_calls: [
          { id: "call_1", type: "function", function: { name: "f", arguments: '{"a": 9007199254740993}' } },
          { id: "call_2", type: "function", function: { name: "g", arguments: "{}" } },
          { id: "call_3", type: "custom", custom: { name: "patch", input: "*** x" } },
        ],
      },
    });
    expect(counts).toEqual({
      prompt_tokens: 120,
      completion_tokens: 30,
      total_tokens: 150,
      prompt_tokens_details: { cached_tokens: 100, cache_write_tokens: 0 },
      completion_tokens_details: { reasoning_tokens: 20 },
    });
  });

  it.each([
    ["max_output_tokens", "length"],
    ["content_filter", "content_filter"],
  ])("that is incomplete for %s ends with %s", (reason, finish) => {
    const cut = answer([message("msg_1", "Once")], { status: "incomplete", incomplete_details: { reason } });
    expect(both(cut).choices[0].finish_reason).toBe(finish);
  });

  it("keeps a refusal, and the texts of two messages apart", () => {
    expect(both(answer([refusal("msg_1", "I will not.")])).choices[0].message).toMatchObject({
      refusal: "I will not.",
      content: "",
    });
    const two = answer([
      message("msg_1", "One."),
      functionCall("call_1", "f", "{}"),
      message("msg_2", "Two."),
    ]);
    expect(both(two).choices[0].message.content).toBe("One.\n\nTwo.");
  });

  it("reads what open models thought", () => {
    const content = [{ type: "reasoning_text", text: "hm" }];
    const thought = { type: "reasoning", id: "rs_1", summary: [], content };
    expect(whole(answer([thought, message("msg_1", "x")])).choices[0].message).toEqual({
      role: "assistant",
      content: "x",
      refusal: null,
      reasoning_content: "hm",
    });
  });

  it.each(["cancelled", "queued", "in_progress"])("that is %s is a fault", (status) => {
    expect(() => whole(answer([], { status }))).toThrow(status);
    const { fault, done } = streamed(eventsOfAnswer(answer([], { status })));
    expect([fault?.message, done]).toEqual([expect.stringContaining(status), false]);
  });

  it.each([null, {}, { output: 1 }, { error: { message: "no luck" } }])("that is %j is a fault", (body) => {
    expect(() => whole(body)).toThrow();
  });

  it("is the same from a server that sends items without pieces", () => {
    const answered = answer([
      reasoning("rs_1", "One.", "Two."),
      message("msg_1", "text"),
      functionCall("call_1", "f", '{"a":1}'),
    ]);
    const pieces = joined(streamed(eventsOfAnswer(answered)).text);
    expect(joined(streamed(responsesShapes.toStream(answered)).text)).toEqual(pieces);
    const last = `data: ${JSON.stringify({ type: "response.completed", response: answered })}\n\n`;
    expect(joined(streamed(last).text)).toEqual(pieces);
  });
});

describe("a stream of responses (case 128)", () => {
  const events = (type: string, fields: object) =>
    `event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`;

  it("sends nothing before there is content", () => {
    const pipe = fromChat.stream("mine", asked);
    const [created] = eventsOfAnswer(answer([])).split("event: response.completed");
    expect(pipe.push(bytesOf(created!))).toBeNull();
    expect(
      pipe.push(bytesOf(events("response.output_text.delta", { output_index: 0, delta: "x" }))),
    ).toContain("x");
  });

  it.each([
    ["error", { message: "busy", code: "server_error" }, 500],
    ["error", { error: { type: "rate_limit_exceeded", code: "rate_limit_exceeded", message: "busy" } }, 429],
    [
      "response.failed",
      { response: { status: "failed", error: { code: "server_error", message: "busy" } } },
      500,
    ],
  ])("that ends with %s %j is a fault with a status", (type, fields, status) => {
    const { fault, finished } = streamed(events(type, fields));
    expect([fault?.message, fault?.status, finished]).toEqual(["busy", status, false]);
  });

  it.each(["responses-error.events", "responses-failed.events"])("recorded as %s is a fault", (name) => {
    const { fault, finished, text } = through(fromMessages.stream("mine", {}), [recorded(`openai/${name}`)]);
    expect([fault?.message, finished, text]).toEqual([expect.any(String), false, ""]);
  });

  it.each(["responses-text.events", "responses-incomplete.events"])("recorded as %s is whole", (name) => {
    for (const translation of [fromChat, fromMessages]) {
      const outcome = through(translation.stream("mine", {}), [recorded(`openai/${name}`)]);
      expect(outcome).toMatchObject({ finished: true, done: true, fault: undefined });
      expect(outcome.usage.promptTokens).toBeGreaterThan(0);
    }
  });

  it("that is cut before its end is not whole", () => {
    const bytes = bytesOf(eventsOfAnswer(answer([message("msg_1", "text"), functionCall("c", "f", "{}")])));
    const end = Buffer.from(bytes).indexOf('"type":"response.completed"');
    for (let place = 0; place < end; place += 7) {
      const { finished, text } = through(fromMessages.stream("mine", {}), [bytes.subarray(0, place)]);
      expect([finished, text.includes("message_stop")]).toEqual([false, false]);
    }
  });

  it.each([
    ["[DONE] in place of its end", "data: [DONE]\n\n"],
    [
      "arguments without a call",
      events("response.function_call_arguments.delta", { output_index: 3, delta: "x" }),
    ],
    ["a piece that is no JSON", "data: {\n\n"],
  ])("with %s is a fault", (_, text) => {
    expect(streamed(text).fault?.message).toMatch(/^the provider /);
  });

  it("with too many items is a fault (T60)", () => {
    const item = { type: "message", content: [] };
    const many = Array.from({ length: 4_097 }, (_, output_index) =>
      events("response.output_item.added", { output_index, item }),
    );
    expect(streamed(many.slice(1).join("")).fault).toBeUndefined();
    expect(streamed(many.join("")).fault?.message).toContain("4096 items");
  });

  it("leaves out events that it does not know", () => {
    const known = eventsOfAnswer(answer([message("msg_1", "x")]));
    const unknown =
      events("response.web_search_call.searching", { output_index: 9 }) + events("keepalive", {});
    expect(streamed(unknown + known).text).toBe(streamed(known).text);
  });
});

describe("any answer of responses", () => {
  const words = fc.stringMatching(/^[a-zß東👋"\\{} ]{1,12}$/u);
  const id = fc.stringMatching(/^[a-z0-9]{16,20}$/);
  const item = fc.oneof(
    fc.tuple(id, fc.array(words, { maxLength: 3 })).map(([at, texts]) => reasoning(at, ...texts)),
    fc.tuple(id, words).map(([at, text]) => message(at, text)),
    fc.tuple(id, words).map(([at, text]) => functionCall(at, "f", JSON.stringify({ text }))),
    fc.constant(hosted),
  );
  const answers = fc
    .uniqueArray(item, { maxLength: 7, selector: ({ id: own, type }) => own ?? type })
    .map((output) => answer(output));

  it("is the same cut anywhere", () => {
    fc.assert(
      fc.property(answers, fc.array(fc.nat(6_000), { maxLength: 20 }), (answered, places) => {
        const bytes = bytesOf(eventsOfAnswer(answered));
        const cut = cutAt(
          bytes,
          places.map((place) => place % bytes.length),
        );
        for (const translation of [fromChat, fromMessages])
          expect(through(translation.stream("mine", {}), cut)).toEqual(
            through(translation.stream("mine", {}), [bytes]),
          );
      }),
      { numRuns: 60 },
    );
  });

  it("comes back with the next request as it went, whole and streamed (case 126)", () => {
    fc.assert(
      fc.property(answers, (answered) => {
        const shown = answered.output.filter(({ type }: Whatever) => type !== hosted.type);
        const last = shown.findLastIndex(({ type }: Whatever) => type !== "reasoning");
        const sealed = shown.slice(0, last + 1).filter(({ type }: Whatever) => type === "reasoning");
        const outcome = through(fromMessages.stream("mine", {}), [bytesOf(eventsOfAnswer(answered))]);
        const wholly: Whatever = fromMessages.response(answered, "mine");
        for (const { content } of [assembled(outcome), wholly]) {
          const messages = [
            { role: "user", content: "a" },
            { role: "assistant", content },
            { role: "user", content: "b" },
          ];
          const { input } = fromMessages.request({ model: "mine", messages }, "m", {
            sealedReasoning: true,
          }) as Whatever;
          const kept = input.slice(1, -1);
          // A second text joins the first one, so reasoning between them may stand behind both.
          const isOneText = shown.filter(({ type }: Whatever) => type === "message").length < 2;
          if (isOneText) expect(kept.filter(({ type }: Whatever) => type === "reasoning")).toEqual(sealed);
          for (const one of kept) if (one.type === "reasoning") expect(shown).toContainEqual(one);
          const calls = (items: Whatever[]) =>
            items
              .filter(({ type }) => type === "function_call")
              .map(({ name, call_id, arguments: args }) => [name, call_id, args]);
          expect(calls(kept)).toEqual(calls(shown));
        }
      }),
      { numRuns: 60 },
    );
  });

  it("never makes a translation fail otherwise than with a fault, however it is damaged", () => {
    const junk = fc.oneof(
      fc.constant(null),
      fc.constant(7),
      fc.constant("x"),
      fc.constant([]),
      fc.constant({}),
    );
    fc.assert(
      fc.property(answers, fc.nat(200), junk, (answered, place, value) => {
        const lines = eventsOfAnswer(answered).split("\n\n");
        const at = place % lines.length;
        const [name, data = "data: {}"] = lines[at]!.split("\n");
        const event = JSON.parse(data.slice("data: ".length));
        const keys = Object.keys(event).filter((key) => key !== "type");
        const key = keys[place % Math.max(1, keys.length)];
        if (key) event[key] = value;
        lines[at] = `${name}\ndata: ${JSON.stringify(event)}`;
        for (const translation of [fromChat, fromMessages]) {
          const { finished, fault } = through(translation.stream("mine", {}), [bytesOf(lines.join("\n\n"))]);
          expect(typeof finished).toBe("boolean");
          if (fault) expect(fault.message.length).toBeGreaterThan(0);
        }
      }),
      { numRuns: 150 },
    );
  });
});

it("usage of a messages caller is Anthropic's", () => {
  const { usage: counts } = fromMessages.response(answer([message("msg_1", "x")]), "mine") as Whatever;
  expect(counts).toMatchObject({
    input_tokens: usage.input_tokens - 100,
    cache_read_input_tokens: 100,
    output_tokens: 30,
    service_tier: "standard",
  });
});
