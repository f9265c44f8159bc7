import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { passthroughPipe } from "../../../../src/adapters/passthrough/index.ts";
import { CustomInputReader } from "../../../../src/adapters/translation/custom-input.ts";
import { translationFor } from "../../../../src/adapters/translation/index.ts";
import { ResponsesFromChat } from "../../../../src/adapters/translation/responses-to-chat/stream.ts";
import type { StreamPipe } from "../../../../src/adapters/types.ts";
import { bytesOf, cutAt, eventsOf, fixedId, payloadsOf, recorded, recordings, through } from "../streams.ts";

const seconds = () => 7;

interface Sent {
  type: string;
  sequence_number: number;
  output_index?: number;
  item?: { type: string; id: string; status?: string };
  delta?: string;
  response?: Record<string, unknown> & { output: unknown[] };
}

const chunk = (delta: object, finish_reason: string | null = null, rest: object = {}) =>
  `data: ${JSON.stringify({ id: "chatcmpl-1", choices: [{ index: 0, delta, finish_reason }], ...rest })}\n\n`;
const done = "data: [DONE]\n\n";

function translated(text: string, request: Record<string, unknown> = {}) {
  return through(new ResponsesFromChat("mine", request, seconds, fixedId), [bytesOf(text)]);
}

const sentBy = (text: string, request: Record<string, unknown> = {}) =>
  payloadsOf(translated(text, request).text) as Sent[];

const withoutLifecycle = (events: Sent[]) => events.filter(({ response }) => !response);

describe("a chat stream translated to responses events", () => {
  it("has OpenAI's order of events, numbered from 0, each named twice, without [DONE]", () => {
    const { text } = through(new ResponsesFromChat("mine", {}, seconds, fixedId), [
      recorded("openai/text.sse"),
    ]);
    const payloads = payloadsOf(text) as Sent[];
    const types = payloads.map(({ type }) => type);
    expect(types.filter((type, index) => type !== types[index - 1])).toEqual([
      "response.created",
      "response.in_progress",
      "response.output_item.added",
      "response.content_part.added",
      "response.output_text.delta",
      "response.output_text.done",
      "response.content_part.done",
      "response.output_item.done",
      "response.completed",
    ]);
    expect(payloads.map(({ sequence_number }) => sequence_number)).toEqual([...payloads.keys()]);
    expect(eventsOf(text).map(({ event }) => event)).toEqual(types);
    expect(text).not.toContain("data: [DONE]");
  });

  it("repeats the request in each of the three responses", () => {
    const request = {
      instructions: "Be brief.",
      metadata: { a: "1" },
      tools: [],
      temperature: 0.5,
      user: "me",
    };
    const answers = sentBy(chunk({ content: "x" }, "stop") + done, request).flatMap(
      ({ response }) => response ?? [],
    );
    expect(answers.map(({ status }) => status)).toEqual(["in_progress", "in_progress", "completed"]);
    for (const answer of answers) {
      expect(answer).toMatchObject({
        ...request,
        model: "mine",
        store: false,
        id: `resp_${fixedId()}`,
        created_at: 7,
      });
    }
  });

  it("closes each call before the next, and has {} for one without arguments (case 52)", () => {
    const call = (index: number, id: string, args: string) =>
      chunk({ tool_calls: [{ index, id, type: "function", function: { name: id, arguments: args } }] });
    const more = (index: number, args: string) =>
      chunk({ tool_calls: [{ index, function: { arguments: args } }] });
    const events = withoutLifecycle(
      sentBy(
        call(0, "a", "") +
          more(0, '{"x"') +
          more(0, ":1}") +
          call(1, "b", "") +
          chunk({}, "tool_calls") +
          done,
      ),
    );
    expect(events.map(({ type, output_index }) => [type.replace("response.", ""), output_index])).toEqual([
      ["output_item.added", 0],
      ["function_call_arguments.delta", 0],
      ["function_call_arguments.delta", 0],
      ["function_call_arguments.done", 0],
      ["output_item.done", 0],
      ["output_item.added", 1],
      ["function_call_arguments.delta", 1],
      ["function_call_arguments.done", 1],
      ["output_item.done", 1],
    ]);
    expect(events.at(-1)?.item).toEqual({
      type: "function_call",
      id: `fc_${fixedId()}_1`,
      status: "completed",
      call_id: expect.stringMatching(/_b$/),
      name: "b",
      arguments: "{}",
    });
  });

  it("keeps calls with mixed pieces apart", () => {
    const both = (first: string, second: string) =>
      chunk({
        tool_calls: [
          { index: 0, function: { arguments: first } },
          { index: 1, function: { arguments: second } },
        ],
      });
    const start = chunk({
      tool_calls: [
        { index: 0, id: "a", function: { name: "a" } },
        { index: 1, id: "b", function: { name: "b" } },
      ],
    });
    const events = sentBy(start + both('{"x', '{"y') + both('":1}', '":2}') + chunk({}, "tool_calls") + done);
    expect(events.at(-1)?.response?.output).toMatchObject([
      { call_id: expect.stringMatching(/_a$/), arguments: '{"x":1}' },
      { call_id: expect.stringMatching(/_b$/), arguments: '{"y":2}' },
    ]);
  });

  it("streams the input of a custom tool as plain text", () => {
    const input = '*** Begin Patch\n+"quoted" \\ 東京 👋\n*** End Patch';
    const args = JSON.stringify({ input });
    const pieces = Array.from({ length: Math.ceil(args.length / 5) }, (_, at) =>
      args.slice(at * 5, at * 5 + 5),
    );
    const start = chunk({
      tool_calls: [{ index: 0, id: "call_1", function: { name: "apply_patch", arguments: "" } }],
    });
    const stream = pieces.map((piece) =>
      chunk({ tool_calls: [{ index: 0, function: { arguments: piece } }] }),
    );
    const tools = [{ type: "custom", name: "apply_patch" }];
    const events = sentBy([start, ...stream, chunk({}, "tool_calls"), done].join(""), { tools });
    const deltas = events.filter(({ type }) => type === "response.custom_tool_call_input.delta");
    expect(deltas.length).toBeGreaterThan(5);
    expect(deltas.map(({ delta }) => delta).join("")).toBe(input);
    expect(events.at(-1)?.response?.output).toEqual([
      {
        type: "custom_tool_call",
        id: `ctc_${fixedId()}_0`,
        status: "completed",
        call_id: expect.stringMatching(/_call_1$/),
        name: "apply_patch",
        input,
      },
    ]);
    expect(events.map(({ type }) => type)).not.toContain("response.function_call_arguments.delta");
  });

  it.each([
    ["length", "max_output_tokens"],
    ["content_filter", "content_filter"],
  ])("a finish of %s is incomplete, and so is the item it cut", (finish, reason) => {
    const events = sentBy(chunk({ content: "Once" }) + chunk({}, finish) + done);
    expect(events.at(-1)).toMatchObject({
      type: "response.incomplete",
      response: {
        status: "incomplete",
        incomplete_details: { reason },
        completed_at: null,
        output: [{ status: "incomplete" }],
      },
    });
  });

  it("has the usage that comes after the finish, and none where there is none (case 70)", () => {
    const usage = {
      prompt_tokens: 10,
      completion_tokens: 4,
      prompt_tokens_details: { cached_tokens: 8 },
      completion_tokens_details: { reasoning_tokens: 3 },
    };
    const late = `data: ${JSON.stringify({ id: "chatcmpl-1", choices: [], usage, service_tier: "flex" })}\n\n`;
    const outcome = translated(chunk({ content: "x" }, "stop") + late + done);
    expect((payloadsOf(outcome.text) as Sent[]).at(-1)?.response).toMatchObject({
      usage: {
        input_tokens: 10,
        input_tokens_details: { cached_tokens: 8 },
        output_tokens: 4,
        output_tokens_details: { reasoning_tokens: 3 },
        total_tokens: 14,
      },
      service_tier: "flex",
    });
    expect(outcome.usage).toEqual({ promptTokens: 10, completionTokens: 4, cachedTokens: 8 });
    expect(sentBy(chunk({ content: "x" }, "stop") + done).at(-1)?.response?.usage).toBeNull();
  });

  it("ends a stream whose provider left [DONE] out", () => {
    const outcome = translated(chunk({ content: "x" }, "stop"));
    expect(outcome.done).toBe(true);
    expect((payloadsOf(outcome.text) as Sent[]).at(-1)?.type).toBe("response.completed");
  });

  it.each([
    ["[DONE] without a finish", chunk({ content: "x" }) + done, "without a finish reason"],
    ["an error", `${chunk({ content: "x" })}data: {"error":{"message":"boom"}}\n\n`, "boom"],
    ["no JSON", `${chunk({ content: "x" })}data: {nope\n\n`, "not a JSON object"],
  ])("%s is a fault, with nothing that looks like an end (case 59)", (_name, text, message) => {
    const { fault, finished, done, text: sent } = translated(text);
    expect(fault?.message).toContain(message);
    expect([finished, done]).toEqual([false, false]);
    expect(sent).toContain("response.output_text.delta");
    expect(sent).not.toMatch(/^event: response\.(completed|incomplete|failed)$/m);
  });

  it("has the id of the answer and the number of the next event, for an error frame", () => {
    const pipe = new ResponsesFromChat("mine", {}, seconds, fixedId);
    expect(pipe.position).toBeUndefined();
    const frames = pipe.push(bytesOf(chunk({ content: "x" })));
    expect(pipe.position).toEqual({ responseId: `resp_${fixedId()}`, sequence: payloadsOf(frames!).length });
  });
});

describe("the input of a custom tool", () => {
  const read = (pieces: string[]) => {
    const reader = new CustomInputReader();
    const out = pieces.map((piece) => reader.push(piece));
    return [...out, reader.end(pieces.join(""))];
  };

  it("is whole for every form and cut of its JSON, and no piece ends in half a character", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: "binary", maxLength: 40 }),
        fc.boolean(),
        fc.array(fc.nat(300)),
        (input, ascii, places) => {
          let json = JSON.stringify({ input });
          if (ascii)
            json = json.replace(
              /[^\x20-\x7e]/g,
              (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, "0")}`,
            );
          const edges = [
            0,
            ...places.map((place) => place % json.length).toSorted((a, b) => a - b),
            json.length,
          ];
          const out = read(edges.slice(1).map((edge, index) => json.slice(edges[index], edge)));
          expect(out.join("")).toBe(input);
          for (const piece of out) expect(piece).not.toMatch(/[\ud800-\udbff]$/);
        },
      ),
      { numRuns: 60 },
    );
  });

  it.each([
    ["spaces", '{ "input" : "a" }', "a"],
    ["another key (case 209)", '{"patch":"a"}', "a"],
    ["two other keys", '{"patch":"a","b":"c"}', '{"patch":"a","b":"c"}'],
    ["no JSON", "*** Begin Patch", "*** Begin Patch"],
    ["a key before it", '{"path":"x","input":"a"}', "a"],
    ["an end that was cut", '{"input":"ab', "ab"],
    ["nothing", "", ""],
  ])("is the model's own text, with %s", (_name, args, input) => {
    expect(read([args]).join("")).toBe(input);
    expect(read(Array.from(args)).join("")).toBe(input);
  });
});

const toolsOf = (names: string[]) => ({ tools: names.map((name) => ({ type: "custom", name })) });
const pipes: [name: string, provider: "openai" | "anthropic", make: () => StreamPipe][] = [
  ["from chat", "openai", () => translationFor("responses", "chat", () => 0, fixedId)!.stream("mine", {})],
  [
    "from chat, with custom tools",
    "openai",
    () =>
      translationFor("responses", "chat", () => 0, fixedId)!.stream(
        "mine",
        toolsOf(["get_weather", "get_time"]),
      ),
  ],
  [
    "from messages",
    "anthropic",
    () => translationFor("responses", "messages", () => 0, fixedId)!.stream("mine", {}),
  ],
];
const native = ["text", "incomplete", "failed", "error"].map((name) => ({
  name: "passed through",
  recording: `openai/responses-${name}.events`,
  make: () => passthroughPipe("responses", { stripUsage: false }),
}));
const cases = [
  ...pipes.flatMap(([name, provider, make]) =>
    recordings(provider).map((recording) => ({ name, recording, make })),
  ),
  ...native,
];

describe.each(cases)("$recording, $name", ({ recording, make }) => {
  const bytes = recorded(recording);
  const whole = through(make(), [bytes]);
  const finish = Buffer.from(bytes)
    .toString("latin1")
    .search(/"finish_reason": ?"|"delta":\{"stop_reason":|event: response\.(completed|incomplete)/);

  it("is the same byte by byte, and cut at random (cases 62, 63)", () => {
    expect(
      through(
        make(),
        Array.from(bytes, (byte) => Uint8Array.of(byte)),
      ),
    ).toEqual(whole);
    fc.assert(
      fc.property(fc.array(fc.nat(bytes.length), { maxLength: 40 }), (places) => {
        expect(through(make(), cutAt(bytes, places))).toEqual(whole);
      }),
      { numRuns: 50 },
    );
  });

  it.each(["\r\n", "\r"])("is the same with lines that end in %j (case 61)", (lineEnd) => {
    const text = Buffer.from(bytes).toString().replaceAll("\n", lineEnd);
    const outcome = through(make(), [bytesOf(text)]);
    expect({ ...outcome, text: outcome.text.replaceAll(lineEnd, "\n") }).toEqual(whole);
  });

  it("is not whole when it breaks off before its finish (case 60)", () => {
    fc.assert(
      fc.property(fc.nat((finish === -1 ? bytes.length : finish) - 1), (place) => {
        const { finished, done, text } = through(make(), [bytes.subarray(0, place)]);
        expect([finished, done]).toEqual([false, false]);
        expect(text).not.toMatch(/^event: response\.(completed|incomplete)$/m);
      }),
      { numRuns: 100 },
    );
  });
});

it("a translation takes time in proportion to the stream, also a composed one", () => {
  const start = recorded("anthropic/text.sse").toString();
  const [head, rest] = [
    start.slice(0, start.indexOf("event: content_block_delta")),
    start.slice(start.indexOf("event: content_block_stop")),
  ];
  const delta =
    'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"word "}}\n\n';
  const took = (deltas: number) => {
    const bytes = bytesOf(head + delta.repeat(deltas) + rest);
    const pieces = Array.from({ length: Math.ceil(bytes.length / 500) }, (_, at) =>
      bytes.subarray(at * 500, at * 500 + 500),
    );
    const pipe = translationFor("responses", "messages", () => 0, fixedId)!.stream("mine", {});
    // Processor time: what other programs do on the machine does not count.
    const from = process.cpuUsage();
    const { done } = through(pipe, pieces);
    expect(done).toBe(true);
    const { user, system } = process.cpuUsage(from);
    return user + system;
  };
  const best = (deltas: number) => Math.min(...Array.from({ length: 3 }, () => took(deltas)));
  best(1_000);
  // Sixteen times the stream: quadratic would be 256 times the time.
  expect(best(16_000)).toBeLessThan(64 * best(1_000));
});
