import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { translationFor } from "../../../src/adapters/translation/index.ts";
import { ToolSlots } from "../../../src/adapters/translation/tool-slots.ts";
import type { ChatToolCallDelta } from "../../../src/wire/dialects/chat.ts";
import { bytesOf, fixedId, payloadsOf, through } from "./streams.ts";

interface Call {
  name: string;
  args: string;
}

/** The ways in which a provider damages one sign of its pieces. */
const damages = {
  index: ["right", "missing", "null", "zero", "new with each piece", "from 1"],
  id: ["right", "repeated", "missing", "null", "empty", "new with each piece", "one for all"],
  name: ["once", "repeated", "empty later", "null later"],
} as const;

type Damage = { [Sign in keyof typeof damages]: (typeof damages)[Sign][number] };

const json = fc
  .dictionary(fc.string({ unit: "grapheme", maxLength: 6 }), fc.jsonValue({ maxDepth: 2 }), { maxKeys: 3 })
  .map((value) => JSON.stringify(value));
const call = fc.record({ name: fc.constantFrom("read", "read_file", "write", "grep"), args: json });
const damage: fc.Arbitrary<Damage> = fc.record({
  index: fc.constantFrom(...damages.index),
  id: fc.constantFrom(...damages.id),
  name: fc.constantFrom(...damages.name),
});

/** Cuts arguments into pieces that are not empty; the first one may be, as it is at OpenAI. */
function piecesOf(args: string, places: readonly number[], isFirstEmpty: boolean): string[] {
  const edges = [0, ...new Set(places.map((place) => place % args.length)), args.length].sort(
    (a, b) => a - b,
  );
  const pieces = edges.slice(1).map((edge, at) => args.slice(edges[at], edge));
  return [...(isFirstEmpty ? [""] : []), ...pieces.filter((piece) => piece !== "")];
}

function deltasOf(calls: readonly (Call & { places: number[] })[], damage: Damage, isFirstEmpty: boolean) {
  let count = 0;
  return calls.flatMap(({ name, args, places }, at) =>
    piecesOf(args, places, isFirstEmpty).map((text, place): ChatToolCallDelta => {
      const isFirst = place === 0;
      count++;
      const index = {
        right: at,
        missing: undefined,
        null: null,
        zero: 0,
        "new with each piece": count,
        "from 1": at + 1,
      }[damage.index];
      const id = {
        right: isFirst ? `call_${at}` : undefined,
        repeated: `call_${at}`,
        missing: undefined,
        null: null,
        empty: "",
        "new with each piece": `call_x${count}`,
        "one for all": "call",
      }[damage.id];
      const later = { once: undefined, repeated: name, "empty later": "", "null later": null }[damage.name];
      const named = isFirst ? name : later;
      return { index, id, function: { name: named, arguments: text } } as ChatToolCallDelta;
    }),
  );
}

const placed = fc
  .record({ call, places: fc.array(fc.nat(200), { maxLength: 5 }) })
  .map(({ call: one, places }) => ({ ...one, places }));

/** Ends all calls and returns them. */
function wholeCalls(slots: ToolSlots): Call[] {
  for (const slot of slots.all) slot.end();
  return slots.all.map(({ name, arguments: args }) => ({ name, args }));
}

/** Returns the calls in the events of a stream of messages or responses. */
function callsIn(events: unknown[]): Call[] {
  const blocks = new Map<number, Call>();
  // biome-ignore lint/suspicious/noExplicitAny: tests look at whatever came
  for (const event of events as any[]) {
    if (event.type === "content_block_start" && event.content_block.type === "tool_use")
      blocks.set(event.index, { name: event.content_block.name, args: "" });
    if (event.delta?.partial_json) blocks.get(event.index)!.args += event.delta.partial_json;
    if (event.type === "response.completed")
      for (const [at, { type, name, arguments: args }] of event.response.output.entries())
        if (type === "function_call") blocks.set(at, { name, args });
  }
  return [...blocks.values()];
}

describe("tool calls in pieces (case 91)", () => {
  it("are the same calls whatever the provider does to index, id and name", () => {
    fc.assert(
      fc.property(
        fc.array(placed, { minLength: 1, maxLength: 4 }),
        damage,
        fc.boolean(),
        (calls, how, empty) => {
          // With every sign new, an empty first piece cannot be told from a call without arguments.
          const isNew = how.index.startsWith("new") && how.id.startsWith("new") && how.name === "repeated";
          const slots = new ToolSlots();
          for (const delta of deltasOf(calls, how, empty && !isNew)) slots.add(delta);
          expect(wholeCalls(slots)).toEqual(calls.map(({ name, args }) => ({ name, args })));
        },
      ),
      { numRuns: 500 },
    );
  });

  it("are the same calls when they come mixed, with indexes and ids that are right", () => {
    const order = fc.array(fc.nat(1_000), { minLength: 30, maxLength: 30 });
    fc.assert(
      fc.property(fc.array(placed, { minLength: 1, maxLength: 4 }), order, (calls, turns) => {
        const right: Damage = { index: "right", id: "right", name: "once" };
        const queues = calls.map((_, at) => deltasOf(calls, right, true).filter(({ index }) => index === at));
        const slots = new ToolSlots();
        // A call begins before a later one does.
        for (const queue of queues) slots.add(queue.shift()!);
        for (const turn of [...turns, ...Array(100).fill(0)]) {
          const open = queues.filter(({ length }) => length > 0);
          if (open.length > 0) slots.add(open[turn % open.length]!.shift()!);
        }
        expect(wholeCalls(slots)).toEqual(calls.map(({ name, args }) => ({ name, args })));
      }),
      { numRuns: 100 },
    );
  });

  const piece = (index: number | null, id: string | null, name: string | null, text: string | null) =>
    ({ index, id, function: { name, arguments: text } }) as unknown as ChatToolCallDelta;

  it.each<[string, ChatToolCallDelta[], string[]]>([
    [
      "a name in pieces",
      [piece(0, "a", "re", ""), piece(0, null, "ad", ""), piece(0, null, null, "{}")],
      ["read {}"],
    ],
    ["a name that grows", [piece(0, "a", "re", ""), piece(0, null, "read", "{}")], ["read {}"]],
    [
      "arguments before the name",
      [piece(0, "a", null, '{"a"'), piece(0, null, "read", ":1}")],
      ['read {"a":1}'],
    ],
    ["a call without arguments", [piece(0, "a", "now", ""), piece(1, "b", "now", "")], ["now ", "now "]],
    [
      "another name without arguments",
      [piece(0, null, "now", ""), piece(0, null, "read", "{}")],
      ["now ", "read {}"],
    ],
    ["a repetition at the end", [piece(0, "a", "read", "{}"), piece(0, "a", "read", "")], ["read {}"]],
    [
      "two of one tool before their arguments",
      [
        piece(0, null, "read", ""),
        piece(1, null, "read", ""),
        piece(0, null, null, "{}"),
        piece(1, null, null, "[]"),
      ],
      ["read {}", "read []"],
    ],
    [
      "broken arguments before another call",
      [piece(0, "a", "read", '{"a'), piece(0, "b", "write", "{}")],
      ['read {"a', "write {}"],
    ],
    [
      "a brace within a text",
      [piece(0, "a", "read", '{"a":"}'), piece(0, "b", "read", '{\\""}')],
      ['read {"a":"}{\\""}'],
    ],
  ])("are right with %s", (_name, deltas, expected) => {
    const slots = new ToolSlots((name) => name === "now" || name === "read");
    for (const delta of deltas) slots.add(delta);
    expect(wholeCalls(slots).map(({ name, args }) => `${name} ${args}`)).toEqual(expected);
  });

  it("do not become two calls for a text without a name behind the end", () => {
    const slots = new ToolSlots();
    slots.add(piece(0, "a", "read", "{}"));
    slots.add(piece(0, null, null, "\n"));
    slots.add(piece(0, "a", null, "}"));
    expect(slots.all).toHaveLength(1);
  });

  it.each(["messages", "responses"] as const)("are whole for callers of %s whatever the damage", (caller) => {
    const chunk = (delta: object, finish_reason: string | null = null) =>
      `data: ${JSON.stringify({ id: "c", choices: [{ index: 0, delta, finish_reason }] })}\n\n`;
    fc.assert(
      fc.property(fc.array(placed, { minLength: 1, maxLength: 3 }), damage, (calls, how) => {
        const pieces = deltasOf(calls, how, false).map((delta) => chunk({ tool_calls: [delta] }));
        const text = `${pieces.join("")}${chunk({}, "tool_calls")}data: [DONE]\n\n`;
        const outcome = through(translationFor(caller, "chat", Date.now, fixedId)!.stream("m", {}), [
          bytesOf(text),
        ]);
        expect(outcome.fault).toBeUndefined();
        expect(callsIn(payloadsOf(outcome.text))).toEqual(calls.map(({ name, args }) => ({ name, args })));
      }),
      { numRuns: 150 },
    );
  });

  it.each(["messages", "responses"] as const)("stay apart for callers of %s", (caller) => {
    const chunk = (delta: object, finish_reason: string | null = null) =>
      `data: ${JSON.stringify({ id: "c", choices: [{ index: 0, delta, finish_reason }] })}\n\n`;
    const pieces = [piece(0, null, "fetch", ""), piece(0, null, null, '{"u":1}')];
    const others = [piece(0, null, "search", ""), piece(0, null, null, '{"q":2}')];
    const text = [...pieces, ...others].map((one) => chunk({ tool_calls: [one] })).join("");
    const outcome = through(translationFor(caller, "chat", Date.now, fixedId)!.stream("m", {}), [
      bytesOf(`${text}${chunk({}, "tool_calls")}data: [DONE]\n\n`),
    ]);
    const sent = JSON.stringify(payloadsOf(outcome.text));
    expect(outcome.done).toBe(true);
    expect(sent).toContain('"name":"fetch"');
    expect(sent).toContain('"name":"search"');
    expect(sent).not.toContain("fetchsearch");
  });

  it("are read in time that grows with their length only", () => {
    const slots = new ToolSlots();
    const args = JSON.stringify({ text: "}".repeat(200_000) });
    slots.add(piece(0, "a", "write", ""));
    for (let at = 0; at < args.length; at += 4) {
      const slot = slots.add(piece(0, null, null, args.slice(at, at + 4)));
      slot.take();
      if (slot.isWhole) expect(at).toBeGreaterThan(args.length - 5);
    }
    expect(slots.all[0]?.arguments).toBe(args);
  });
});

it("ToolSlots refuses more than 4096 calls in one answer (T60)", () => {
  const slots = new ToolSlots();
  const add = (index: number) =>
    slots.add({ index, id: `c${index}`, function: { name: "f", arguments: "{}" } });
  for (let index = 0; index < 4096; index++) add(index);
  expect(slots.all).toHaveLength(4096);
  expect(() => add(4096)).toThrow(
    expect.objectContaining({
      code: "provider_error",
      message: "the provider called more than 4096 tools in one answer",
    }),
  );
});

describe("arguments that repeat all that came before with each piece (case 161)", () => {
  const chunk = (delta: object, finish_reason: string | null = null) =>
    `data: ${JSON.stringify({ id: "c", choices: [{ index: 0, delta, finish_reason }] })}\n\n`;
  const nested = fc
    .tuple(fc.string({ unit: "grapheme", minLength: 1, maxLength: 6 }), fc.jsonValue({ maxDepth: 2 }))
    .map(([key, value]) => JSON.stringify({ [key]: { [key]: value } }));
  // Two short calls of one name are taken for two calls.
  const repeated = (args: string, isNamed: boolean, again: number): string[] =>
    isNamed && args.length < 8 ? [] : Array(again).fill(args);
  const cumulative = fc.record({
    name: fc.constantFrom("read", "write"),
    args: fc.oneof(json, nested),
    places: fc.array(fc.nat(200), { maxLength: 5 }),
    /** The number of times that the last piece comes again. */
    again: fc.nat(2),
  });

  const nestedKey = (value: string) => ({
    name: "read",
    args: `{"k":{"k":${value}}}`,
    places: [4],
    again: 0,
  });

  it.each(["messages", "responses"] as const)("are one call each for callers of %s", (caller) => {
    fc.assert(
      fc.property(fc.array(cumulative, { minLength: 1, maxLength: 3 }), fc.boolean(), (calls, isNamed) => {
        const deltas = calls.flatMap(({ name, args, places, again }, index) => {
          const edges = [...new Set(places.map((place) => 1 + (place % (args.length - 1))))].sort(
            (a, b) => a - b,
          );
          const texts = [
            ...edges.map((edge) => args.slice(0, edge)),
            args,
            ...repeated(args, isNamed, again),
          ];
          return texts.map((text, at) => ({
            index,
            id: `call_${index}`,
            function: { ...((at === 0 || isNamed) && { name }), arguments: text },
          }));
        });
        const pieces = deltas.map((delta) => chunk({ tool_calls: [delta] }));
        const text = `${pieces.join("")}${chunk({}, "tool_calls")}data: [DONE]\n\n`;
        const outcome = through(translationFor(caller, "chat", Date.now, fixedId)!.stream("m", {}), [
          bytesOf(text),
        ]);
        expect(outcome.fault).toBeUndefined();
        expect(callsIn(payloadsOf(outcome.text))).toEqual(calls.map(({ name, args }) => ({ name, args })));
      }),
      {
        numRuns: 150,
        // The last piece of the first call is told apart only by the begin of the second one.
        examples: [[[nestedKey('" "'), nestedKey('""')], false]],
      },
    );
  });

  it("are not seen where the same characters follow each other", () => {
    const slots = new ToolSlots();
    slots.add({ index: 0, id: "a", function: { name: "read", arguments: '{"a":' } });
    slots.add({ index: 0, function: { arguments: '{"a":1}' } });
    slots.add({ index: 0, function: { arguments: "}" } });
    expect(wholeCalls(slots)).toEqual([{ name: "read", args: '{"a":{"a":1}}' }]);
  });
});
