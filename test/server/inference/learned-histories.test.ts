import { describe, expect, it } from "vitest";
import { chatAnswer, reply, type Script } from "../../support/upstream.ts";
import { withProvider } from "./setup.ts";

// biome-ignore lint/suspicious/noExplicitAny: tests look at whatever came
type Whatever = any;

const refusing =
  (isRefused: (answer: Whatever) => boolean, message: string): Script =>
  ({ body }, connection) => {
    const answers = body.messages.filter(({ role }: Whatever) => role === "assistant");
    connection.write(
      answers.some(isRefused) ? reply(400, { error: { message } }) : reply(200, chatAnswer("ok")),
    );
  };

const user = { role: "user", content: "x" };
const call = { id: "call_1", type: "function", function: { name: "f", arguments: "{}" } };
const chatHistory = [
  user,
  {
    role: "assistant",
    content: null,
    reasoning_content: "hm",
    tool_calls: [{ ...call, extra_content: { a: 1 } }],
  },
  { role: "tool", tool_call_id: "call_1", content: "ok" },
];
const bareHistory = [user, { role: "assistant", content: null, tool_calls: [call] }, chatHistory[2]];

describe("a history that a provider refuses (case 100)", () => {
  it("reaches a strict provider without fields of another one, in the same call, and at once in the next", async () => {
    const isRefused = (answer: Whatever) =>
      "reasoning_content" in answer || "extra_content" in answer.tool_calls[0];
    const { provider, call: ask } = await withProvider(
      refusing(isRefused, "'messages.1' : property 'reasoning_content' is unsupported"),
    );
    for (let round = 0; round < 2; round++) {
      const { status } = await ask("POST", "/v1/chat/completions", { model: "gpt", messages: chatHistory });
      expect(status).toBe(200);
    }
    expect(provider.seen).toHaveLength(3);
    expect(provider.seen[2]?.body.messages).toEqual(bareHistory);
  });

  it("gets a blank where the provider insists on reasoning", async () => {
    const isRefused = ({ reasoning_content }: Whatever) => !reasoning_content;
    const { provider, call: ask } = await withProvider(
      refusing(isRefused, "The `reasoning_content` in the thinking mode must be passed back to the API."),
    );
    const { status } = await ask("POST", "/v1/chat/completions", { model: "gpt", messages: bareHistory });
    expect(status).toBe(200);
    expect(provider.seen[1]?.body.messages[1].reasoning_content).toBe(" ");
  });

  it("is refused to the caller where the correction does not help, after one more try", async () => {
    const { provider, call: ask } = await withProvider(
      refusing(() => true, "The `reasoning_content` in the thinking mode must be passed back to the API."),
    );
    const { status } = await ask("POST", "/v1/chat/completions", { model: "gpt", messages: bareHistory });
    expect([status, provider.seen.length]).toEqual([400, 2]);
  });
});

describe("system messages that a chat template refuses (case 157)", () => {
  it("become one, with later ones in the user's turn, in the same call and at once in the next", async () => {
    const { provider, call: ask } = await withProvider(({ body }, connection) => {
      const others = body.messages.slice(1).some(({ role }: Whatever) => role !== "user");
      const message = "System message must be at the beginning.";
      connection.write(others ? reply(500, { error: { code: 500, message } }) : reply(200, chatAnswer("ok")));
    });
    const messages = [
      { role: "system", content: [{ type: "text", text: "a" }] },
      { role: "developer", content: "b" },
      user,
      { role: "system", content: "c" },
    ];
    for (let round = 0; round < 2; round++)
      expect((await ask("POST", "/v1/chat/completions", { model: "gpt", messages })).status).toBe(200);
    expect(provider.seen).toHaveLength(3);
    expect(provider.seen[0]?.body.messages).toEqual(messages);
    expect(provider.seen[2]?.body.messages).toEqual([
      { role: "system", content: "a\n\nb" },
      { role: "user", content: "x\n\n<system>\nc\n</system>" },
    ]);
  });

  it("are the caller's fault where that does not help", async () => {
    const { provider, call: ask } = await withProvider((_, connection) =>
      connection.write(reply(400, { error: { message: "System message must be at the beginning." } })),
    );
    const messages = [user, { role: "system", content: "c" }];
    expect((await ask("POST", "/v1/chat/completions", { model: "gpt", messages })).status).toBe(400);
    expect(provider.seen).toHaveLength(2);
  });
});

it("content becomes texts for a server that takes no parts and no null (case 158)", async () => {
  const { provider, call: ask } = await withProvider(({ body }, connection) => {
    const others = body.messages.some(({ content }: Whatever) => typeof content !== "string");
    const message = "messages[0].content: Input should be a valid string";
    connection.write(others ? reply(422, { error: { message } }) : reply(200, chatAnswer("ok")));
  });
  const text = (words: string) => ({ type: "text", text: words });
  const messages = [{ role: "user", content: [text("a"), text("b")] }, bareHistory[1], bareHistory[2]];
  for (let round = 0; round < 2; round++)
    expect((await ask("POST", "/v1/chat/completions", { model: "gpt", messages })).status).toBe(200);
  expect(provider.seen).toHaveLength(3);
  expect(provider.seen[2]?.body.messages.map(({ content }: Whatever) => content)).toEqual([
    "a\n\nb",
    "",
    "ok",
  ]);
});
