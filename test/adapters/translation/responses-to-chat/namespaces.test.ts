import { expect, it } from "vitest";
import { ownCallId } from "../../../../src/adapters/translation/call-ids.ts";
import { translationFor } from "../../../../src/adapters/translation/index.ts";
import { bytesOf, fixedId, payloadsOf, through } from "../streams.ts";

const toChat = translationFor("responses", "chat", () => 0, fixedId)!;
const toMessages = translationFor("responses", "messages", () => 0, fixedId)!;

/** As Codex 0.169 sends them with every request. */
const tools = [
  { type: "function", name: "close", parameters: { type: "object" }, strict: false },
  {
    type: "namespace",
    name: "agents",
    description: "For sub-agents.",
    tools: [
      {
        type: "function",
        name: "close",
        description: "Close one.",
        parameters: { type: "object" },
        strict: false,
      },
      { type: "custom", name: "note", description: "Take a note." },
    ],
  },
  { type: "web_search", external_web_access: true },
];
const ask = { model: "mine", input: "hello", tools };

const names = (request: Record<string, unknown>) =>
  (request["tools"] as { name?: string; function?: { name: string } }[]).map(
    (tool) => tool.function?.name ?? tool.name,
  );

it("tools of a namespace become functions with both names; web search is left out", () => {
  const request = toChat.request(ask, "theirs", {});
  expect(names(request)).toEqual(["close", "agents__close", "agents__note"]);
  expect(request["tools"]).toMatchObject([
    {},
    { function: { description: "For sub-agents.\n\nClose one." } },
    { function: { description: "Take a note." } },
  ]);
  expect(names(toMessages.request(ask, "theirs", {}))).toEqual(["close", "agents__close", "agents__note"]);
  expect(JSON.stringify(request)).not.toContain("web_search");
});

it("a request with web search only has no tools in chat, and its answer lists none", () => {
  const request = { ...ask, tools: tools.slice(2) };
  expect(toChat.request(request, "theirs", {})).not.toHaveProperty("tools");
  const completion = { id: "c", choices: [{ index: 0, message: { content: "hi" }, finish_reason: "stop" }] };
  expect(toChat.response(completion, "mine", request)).toMatchObject({ tools: [] });
  expect(toChat.response(completion, "mine", ask)).toMatchObject({ tools: tools.slice(0, 2) });
});

it("a tool_choice that names web search is refused", () => {
  const tool_choice = { type: "web_search" };
  expect(() => toChat.request({ ...ask, tool_choice }, "theirs", {})).toThrow("web_search");
});

it("calls are returned with their namespace, streamed and not, and are sent back unchanged", () => {
  const call = (index: number, name: string, args: string) => ({
    index,
    id: `call_${index}`,
    type: "function",
    function: { name, arguments: args },
  });
  const tool_calls = [
    call(0, "agents__close", '{"id":1}'),
    call(1, "close", "{}"),
    call(2, "agents__note", '{"input":"x"}'),
  ];
  const items = [
    { type: "function_call", call_id: "call_0", name: "close", namespace: "agents", arguments: '{"id":1}' },
    { type: "function_call", call_id: "call_1", name: "close", arguments: "{}" },
    { type: "custom_tool_call", call_id: "call_2", name: "note", namespace: "agents", input: "x" },
  ];
  const whole = { id: "c", choices: [{ index: 0, message: { tool_calls }, finish_reason: "tool_calls" }] };
  const answer = toChat.response(whole, "mine", ask);
  const output = answer["output"] as Record<string, unknown>[];
  expect(output.map((item) => ({ ...item, call_id: ownCallId(String(item["call_id"])) }))).toMatchObject(
    items,
  );
  expect(output[1]).not.toHaveProperty("namespace");

  const frame = (choice: object) =>
    `data: ${JSON.stringify({ id: "c", choices: [{ index: 0, ...choice }] })}\n\n`;
  const text = `${frame({ delta: { tool_calls } })}${frame({ delta: {}, finish_reason: "tool_calls" })}data: [DONE]\n\n`;
  const events = payloadsOf(through(toChat.stream("mine", ask), [bytesOf(text)]).text) as Record<
    string,
    unknown
  >[];
  for (const type of ["response.output_item.added", "response.output_item.done"]) {
    const told = events.filter((event) => event["type"] === type).map(({ item }) => item);
    expect(told).toMatchObject(items.map(({ name }) => ({ name })));
    expect(told[0]).toMatchObject({ namespace: "agents" });
  }

  const results = output.map(({ call_id }) => ({ type: "function_call_output", call_id, output: "ok" }));
  const input = [{ role: "user", content: "hi" }, ...output, ...results];
  const again = toChat.request({ ...ask, input }, "theirs", {}) as { messages: Record<string, unknown>[] };
  expect(again.messages[1]).toMatchObject({
    tool_calls: tool_calls.map(({ id, function: called }) => ({ id, function: called })),
  });
});

it.each([
  ["a field of a namespace", { foo: 1 }, "/tools/0/foo"],
  ["one without tools", { tools: undefined }, "/tools/0/tools"],
  ["a tool in it that OpenAI runs", { tools: [{ type: "file_search" }] }, "/tools/0/tools/0/type"],
  ["a name that stands twice", { tools: [tools[0], tools[0]] }, "/tools/0/tools/1/name"],
])("refuses %s, by its path", (_, fields, path) => {
  const bad = { ...(tools[1] as object), ...fields };
  let told: unknown;
  try {
    toChat.request({ ...ask, tools: [bad] }, "theirs", {});
  } catch (error) {
    told = (error as { details: { path: string }[] }).details[0]!.path;
  }
  expect(told).toBe(path);
});
