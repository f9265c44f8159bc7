import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { quirksOf } from "../../../src/adapters/quirks/index.ts";
import { ownCallId } from "../../../src/adapters/translation/call-ids.ts";
import { translationFor } from "../../../src/adapters/translation/index.ts";
import type { StreamPipe } from "../../../src/adapters/types.ts";
import { AppError } from "../../../src/errors.ts";
import type { Dialect } from "../../../src/wire/dialects/types.ts";
import { parseExact } from "../../../src/wire/exact-json.ts";
import { bytesOf, eventsOf, fixedId, recorded, recordedJson, recordings, through } from "./streams.ts";

const ways: [caller: Dialect, provider: Dialect][] = [
  ["chat", "messages"],
  ["messages", "chat"],
];
const toMessages = translationFor("chat", "messages", () => 0, fixedId)!;
const toChat = translationFor("messages", "chat", Date.now, fixedId)!;

// biome-ignore lint/suspicious/noExplicitAny: tests read any field
type Whatever = any;

/** Returns a value as JSON carries it. */
const overWire = (body: unknown): Whatever => parseExact(JSON.stringify(body));

/** A number that JSON.stringify writes with all its digits. */
const rawInteger = (digits: bigint) =>
  (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON(digits.toString());

const words = fc.stringMatching(/^[a-zäß東👋"\\{}<>]{1,12}$/u);
const image = fc
  .constantFrom("https://x.test/a.png", "data:image/png;base64,AAAA")
  .map((url) => ({ type: "image_url", image_url: { url } }));
const textPart = words.map((text) => ({ type: "text", text }));
const userContent = fc.oneof(words, fc.array(fc.oneof(textPart, image), { minLength: 1, maxLength: 4 }));
const value = fc.oneof(words, fc.integer(), fc.bigInt().map(rawInteger), fc.boolean(), fc.constant(null));
const input = fc.dictionary(
  fc.oneof(words, fc.constant("__proto__")),
  fc.oneof(value, fc.array(value, { maxLength: 3 }), fc.dictionary(words, value, { maxKeys: 3 })),
  { maxKeys: 4 },
);
const tools = fc.array(
  fc.record({ name: fc.constantFrom("f", "get_time", "a-b"), input, result: userContent }),
  {
    maxLength: 3,
  },
);

/** A turn of one role; tool calls of the assistant have their results. */
const turn = fc.oneof(
  fc.record({ role: fc.constantFrom("system", "developer"), content: words }),
  fc.record({ role: fc.constant("user"), content: userContent }),
  fc.record({ role: fc.constant("assistant"), content: fc.oneof(words, fc.constant(null)), tools }),
);
const conversation = fc
  .tuple(userContent, fc.array(turn, { maxLength: 8 }))
  .map(([first, turns]) => [{ role: "user", content: first }, ...turns].flatMap(messagesOf));

function messagesOf(one: Whatever, at: number): Whatever[] {
  if (!one.tools) return [one];
  const id = (index: number) => `call_${at}_${index}`;
  const tool_calls = one.tools.map((tool: Whatever, index: number) => ({
    id: id(index),
    type: "function",
    function: { name: tool.name, arguments: JSON.stringify(tool.input) },
  }));
  const results = one.tools.map((tool: Whatever, index: number) => ({
    role: "tool",
    tool_call_id: id(index),
    content: tool.result,
  }));
  return [
    { role: "assistant", content: one.content, ...(tool_calls.length > 0 && { tool_calls }) },
    ...results,
  ];
}

/**
 * Returns the meaning of a conversation, whatever its form: systems first, speakers merged, texts run together, a tool's images
 * as the user's.
 */
function meaningOf(messages: Whatever[]): unknown {
  let system = "";
  const said: [role: string, ...items: string[]][] = [];
  const say = (role: string, ...all: string[]) => {
    const items = all.filter((item) => item !== "");
    if (items.length === 0) return;
    const last = said.at(-1);
    if (last?.[0] === role && !role.startsWith("tool ")) last.push(...items);
    else said.push([role, ...items]);
  };
  const partsOf = (content: Whatever): Whatever[] =>
    typeof content === "string" ? [{ type: "text", text: content }] : (content ?? []);
  const texts = (content: Whatever) =>
    partsOf(content)
      .filter(({ type }) => type === "text")
      .map(({ text }) => text);
  const images = (content: Whatever) =>
    partsOf(content).flatMap(({ image_url }) => (image_url ? [`<${image_url.url}>`] : []));
  let waiting: string[] = [];
  for (const message of messages) {
    const { role, content } = message;
    if (role === "system" || role === "developer") system += content;
    else if (role === "tool") {
      say(`tool ${ownCallId(message.tool_call_id)}`, texts(content).join(""));
      waiting.push(...images(content));
    } else {
      if (waiting.length > 0) say("user", ...waiting);
      waiting = [];
      say(role, ...partsOf(content).map((part) => part.text ?? `<${part.image_url.url}>`));
      for (const { id, function: called } of message.tool_calls ?? [])
        say(role, `${ownCallId(id)} ${called.name} ${JSON.stringify(parseExact(called.arguments))}`);
    }
  }
  if (waiting.length > 0) say("user", ...waiting);
  const bare = (text: string) => text.replace(/\s/g, "");
  return { system: bare(system), said: said.map(([role, ...items]) => [role, bare(items.join(""))]) };
}

it("a conversation means the same from chat to messages and back", () => {
  fc.assert(
    fc.property(conversation, (generated) => {
      const isSystem = ({ role }: Whatever) => role === "system" || role === "developer";
      const messages = [...generated.filter(isSystem), ...generated.filter((one) => !isSystem(one))];
      const anthropic = overWire(toMessages.request({ messages }, "claude-haiku-4-5", {}));
      const roles = anthropic.messages.map(({ role }: Whatever) => role);
      expect(roles.every((role: string, at: number) => role !== roles[at - 1])).toBe(true);
      const { messages: back } = overWire(toChat.request(anthropic, "gpt-4o", {}));
      expect(meaningOf(back)).toEqual(meaningOf(messages));
    }),
    { numRuns: 300 },
  );
});

it("an answer means the same from chat to messages and back", () => {
  const answer = fc.record({
    content: fc.oneof(words, fc.constant(null)),
    tool_calls: fc.array(fc.record({ name: fc.constantFrom("f", "g"), input }), { maxLength: 3 }),
    finish_reason: fc.constantFrom("stop", "length", "content_filter"),
    prompt: fc.nat(1_000),
    cached: fc.nat(1_000),
    written: fc.nat(1_000),
    completion: fc.nat(1_000),
  });
  fc.assert(
    fc.property(answer, ({ content, tool_calls, finish_reason, prompt, cached, written, completion }) => {
      const calls = tool_calls.map(({ name, input }, index) => ({
        id: `call_${index}`,
        type: "function",
        function: { name, arguments: JSON.stringify(input) },
      }));
      const usage = {
        prompt_tokens: prompt + cached + written,
        completion_tokens: completion,
        total_tokens: prompt + cached + written + completion,
        prompt_tokens_details: { cached_tokens: cached, cache_write_tokens: written },
      };
      const message = { role: "assistant", content, tool_calls: calls };
      const completed = { id: "chatcmpl-1", choices: [{ index: 0, message, finish_reason }], usage };
      const back = overWire(toMessages.response(overWire(toChat.response(completed, "m")), "m"));
      const [choice] = back.choices;
      expect(meaningOf([choice.message])).toEqual(meaningOf([message]));
      expect(back.usage).toEqual(usage);
      const called = calls.length > 0 && finish_reason === "stop";
      expect(choice.finish_reason).toBe(called ? "tool_calls" : finish_reason);
    }),
  );
});

/** Unexpected values. Those of `JSON.rawJSON` and with a `toString` of their own cannot be interpolated. */
const odd = fc.oneof(
  fc.jsonValue(),
  fc.constantFrom<unknown>(
    rawInteger(2n ** 70n),
    { toString: 1 },
    { type: { toString: 1 } },
    [null],
    [[]],
    "",
    -1,
    1e300,
  ),
  fc.constantFrom<unknown>("thinking", "tool_use", "image_url", "system", "tool", "assistant", "json_schema"),
);

/** Returns the places of all values in a body, as keys from its root. */
function placesIn(body: Whatever, before: string[] = []): string[][] {
  if (typeof body !== "object" || body === null) return [before];
  return [before, ...Object.keys(body).flatMap((key) => placesIn(body[key], [...before, key]))];
}

function withOdd(body: Whatever, place: string[], value: unknown): Whatever {
  const [key, ...rest] = place;
  if (key === undefined) return value;
  const copy = Array.isArray(body) ? [...body] : { ...body };
  copy[key] = withOdd(copy[key], rest, value);
  return copy;
}

/** Makes bodies like a given one with up to three values replaced. */
function spoiltFrom(body: unknown): fc.Arbitrary<Whatever> {
  const places = placesIn(body);
  return fc.array(fc.tuple(fc.constantFrom(...places), odd), { minLength: 1, maxLength: 3 }).map((changes) =>
    changes.reduce((made, [place, value]) => {
      const isThere = place.slice(0, -1).reduce((at: Whatever, key) => at?.[key], made);
      return place.length === 0 || typeof isThere !== "object" || isThere === null
        ? made
        : withOdd(made, place, value);
    }, body),
  );
}

const requests: Record<"chat" | "messages", unknown> = {
  chat: {
    model: "m",
    max_tokens: 9,
    max_completion_tokens: 9,
    stop: ["x"],
    stream: true,
    stream_options: { include_usage: true },
    user: "u",
    safety_identifier: "s",
    service_tier: "auto",
    temperature: 1,
    top_p: 1,
    reasoning_effort: "low",
    parallel_tool_calls: false,
    tool_choice: { type: "function", function: { name: "f" } },
    tools: [{ type: "function", function: { name: "f", description: "d", parameters: {}, strict: true } }],
    response_format: {
      type: "json_schema",
      json_schema: { name: "x", schema: { type: "object", properties: {} } },
    },
    messages: [
      { role: "system", content: "s", cache_control: { type: "ephemeral" } },
      { role: "user", name: "n", content: [{ type: "text", text: "x" }] },
      { role: "user", content: [{ type: "image_url", image_url: { url: "data:image/png;base64,AAAA" } }] },
      {
        role: "user",
        content: [{ type: "file", file: { file_data: "data:text/plain;base64,AAAA", filename: "f" } }],
      },
      {
        role: "assistant",
        content: "x",
        refusal: "r",
        thinking_blocks: [{ type: "thinking", thinking: "t", signature: "s" }],
        tool_calls: [{ id: "c", type: "function", function: { name: "f", arguments: '{"a":1}' } }],
      },
      { role: "tool", tool_call_id: "c", content: [{ type: "text", text: "x" }] },
    ],
  },
  messages: {
    model: "m",
    max_tokens: 9,
    system: [{ type: "text", text: "s" }],
    stop_sequences: ["x"],
    metadata: { user_id: "u" },
    service_tier: "auto",
    thinking: { type: "enabled", budget_tokens: 2_000 },
    output_config: { effort: "low", format: { type: "json_schema", schema: {} } },
    tools: [{ name: "f", description: "d", input_schema: {}, input_examples: [{}] }],
    tool_choice: { type: "tool", name: "f", disable_parallel_tool_use: true },
    messages: [
      {
        role: "user",
        content: [
          { type: "text", text: "x" },
          { type: "image", source: { type: "url", url: "u" } },
        ],
      },
      { role: "user", content: [{ type: "document", title: "t", source: { type: "text", data: "d" } }] },
      {
        role: "assistant",
        content: [
          { type: "thinking", thinking: "t", signature: "reasoning_content" },
          { type: "text", text: "x" },
          { type: "tool_use", id: "c", name: "f", input: { a: 1 } },
        ],
      },
      {
        role: "user",
        content: [{ type: "tool_result", tool_use_id: "c", content: [{ type: "text", text: "x" }] }],
      },
    ],
  },
};

describe.each(ways)("from %s to %s, with random damage", (caller, provider) => {
  const translation = translationFor(caller, provider, () => 0, fixedId)!;
  const folder = provider === "chat" ? "openai" : "anthropic";
  const quirks = (model: string) => quirksOf({ type: folder, model });

  it("a request is translated or refused with a place in it", () => {
    const body = requests[caller as "chat" | "messages"];
    for (const model of ["claude-sonnet-4-0", "claude-opus-5", "gpt-5.6-sol", "qwen3"]) {
      expect(() => JSON.stringify(translation.request(body as Whatever, model, quirks(model)))).not.toThrow();
      fc.assert(
        fc.property(spoiltFrom(body), (spoilt) => {
          try {
            expect(typeof JSON.stringify(translation.request(spoilt, model, quirks(model)))).toBe("string");
          } catch (error) {
            expect(error).toBeInstanceOf(AppError);
            expect(error).toMatchObject({ code: "invalid_request", details: [{ path: expect.any(String) }] });
          }
        }),
        { numRuns: 300 },
      );
    }
  });

  it.each(["text.json", "tools.json"])("the answer %s is translated, or the provider's fault", (name) => {
    const request = requests[caller as "chat" | "messages"] as Whatever;
    fc.assert(
      fc.property(fc.oneof(spoiltFrom(recordedJson(`${folder}/${name}`)), odd), (spoilt) => {
        try {
          expect(typeof JSON.stringify(translation.response(spoilt, "m", request))).toBe("string");
        } catch (error) {
          expect(error).toBeInstanceOf(AppError);
          expect(error).toMatchObject({ code: "provider_error" });
        }
      }),
      { numRuns: 500 },
    );
  });

  it.each(recordings(folder))("the stream %s is translated, or the provider's fault", (recording) => {
    const events = eventsOf(Buffer.from(recorded(recording)).toString()).filter(
      ({ data }) => data !== "[DONE]",
    );
    const payloads = events.map(({ data }) => JSON.parse(data) as unknown);
    const request = requests[caller as "chat" | "messages"] as Whatever;
    fc.assert(
      fc.property(spoiltFrom(payloads), (spoilt) => {
        const list = (Array.isArray(spoilt) ? spoilt : [spoilt]) as unknown[];
        const frames = list.map((payload) => `data: ${JSON.stringify(payload)}\n\n`).join("");
        const pipe: StreamPipe = translation.stream("m", request);
        const { fault, usage, finished } = through(pipe, [bytesOf(frames)]);
        expect(Object.values(usage).every((count) => typeof count === "number")).toBe(true);
        if (fault) expect([typeof fault.message, finished && pipe.done]).toEqual(["string", false]);
      }),
      { numRuns: 200 },
    );
  });
});
