import { describe, expect, it } from "vitest";
import { must } from "../../../../support/server.ts";
import { reply, type Script } from "../../../../support/upstream.ts";
import { events } from "../../setup.ts";
import { scriptedModel } from "./scripted-model.ts";
import { llmOf, model, question, usualTools, withTools } from "./setup.ts";

const add = { calls: [{ name: "add", args: { a: 1, b: 2 } }] };
const wait = { text: "Wait.", calls: [{ name: "wait" }] };
const ask = { model, messages: [question] };

/** A tool that never ends by itself. */
function endlessTool() {
  const begun = Promise.withResolvers<AbortSignal>();
  const tools = {
    wait: ({ signal }: { signal: AbortSignal }) => {
      begun.resolve(signal);
      return new Promise(() => {});
    },
  };
  return { begun: begun.promise, tools };
}

const aborted = (signal: AbortSignal) =>
  new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener("abort", () => resolve());
  });

describe("a caller who leaves while a persona works", () => {
  it.each([false, true])(
    "cancels the tool, and the model is not called again (streamed: %s)",
    async (stream) => {
      const { begun, tools } = endlessTool();
      const server = await withTools({ turns: [wait, { text: "never" }], tools });
      const leave = new AbortController();
      const answer = fetch(`${server.url}/v1/chat/completions`, {
        method: "POST",
        headers: { authorization: `Bearer ${server.caller}`, "content-type": "application/json" },
        body: JSON.stringify({ ...ask, stream }),
        signal: leave.signal,
      }).then((response) => response.text());
      answer.catch(() => {});
      const signal = await begun;
      leave.abort();
      await aborted(signal);
      await expect.poll(async () => (await server.audited()).map(({ status }) => status)).toEqual([499]);
      expect(server.provider.seen).toHaveLength(1);
    },
  );

  it("cancels the model in a later round", async () => {
    const begun = Promise.withResolvers<void>();
    const first = scriptedModel([add]);
    let rounds = 0;
    const script: Script = async (request, connection) => {
      if (rounds++ === 0) return first(request, connection);
      begun.resolve();
    };
    const server = await withTools({ script });
    const leave = new AbortController();
    const answer = server.openai.chat.completions.create({ ...ask, stream: true }, { signal: leave.signal });
    const stream = await answer;
    await begun.promise;
    leave.abort();
    await server.provider.closed();
    await expect(
      Array.fromAsync(stream).then(() => {
        throw new Error("ended");
      }),
    ).rejects.toThrow();
    await expect.poll(async () => (await events(server)).map(({ status }) => status)).toEqual([499, 200]);
  });
});

describe("a bearer that is deleted while a persona works (T216)", () => {
  it("ends the answer with an error, and cancels the tool", async () => {
    const { begun, tools } = endlessTool();
    const server = await withTools({ turns: [wait, { text: "never" }], tools });
    const answer = server.as(server.caller)("POST", "/v1/messages", { ...ask, max_tokens: 9, stream: true });
    const signal = await begun;
    await must(server.admin("DELETE", "/api/v1/tokens/caller"));
    await aborted(signal);
    const { text } = await answer;
    expect(text).toContain("mcp_tool_use");
    expect(text).toMatch(/event: error\ndata: .*the bearer is no longer valid.*\n\n$/);
    expect(server.provider.seen).toHaveLength(1);
  });
});

describe("a model that fails in a later round", () => {
  /** Fails when it gets the result of a tool. */
  const failing: Script = (request, connection) => {
    if (!/"3"/.test(request.text)) return scriptedModel([add])(request, connection);
    connection.write(reply(400, { error: { message: "out of order", type: "x" } }));
  };

  it("ends the stream of each dialect with the dialect's error, and a whole answer with its status", async () => {
    const server = await withTools({ script: failing });
    const call = server.as(server.caller);
    const paths = [
      {
        path: "/v1/chat/completions",
        request: ask,
        end: /data: {"error":{"message":"out of order.*\n\ndata: \[DONE\]\n\n$/,
      },
      {
        path: "/v1/messages",
        request: { ...ask, max_tokens: 9 },
        end: /event: error\ndata: .*"out of order".*\n\n$/,
      },
      {
        path: "/v1/responses",
        request: { model, input: "hi" },
        end: /event: response.failed\ndata: .*\n\n$/,
      },
    ];
    for (const { path, request, end } of paths) {
      const streamed = await call("POST", path, { ...request, stream: true });
      expect([path, streamed.status, streamed.text]).toEqual([path, 200, expect.stringMatching(end)]);
      const whole = await call("POST", path, request);
      expect([path, whole.status, whole.body.error.message]).toEqual([path, 400, "out of order"]);
    }
    const stream = server.openai.responses.stream({ model, input: "hi" });
    await expect(stream.finalResponse()).rejects.toThrow("out of order");
  });
});

describe("a thread with a persona that has tools", () => {
  it.each([false, true])("keeps the calls and their results (streamed: %s)", async (stream) => {
    const server = await withTools({
      turns: [{ text: "Let me see.", ...add }, { text: "It is 3." }, { text: "As I said." }],
      llm: llmOf.chat,
    });
    const call = server.as(server.caller);
    const { body: thread } = await must(call("POST", "/api/v1/agents/helper/threads", {}));
    const send = (content: string) =>
      must(
        call("POST", "/api/v1/agents/helper/chat", {
          thread: thread.id,
          messages: [{ role: "user", content }],
          stream,
        }),
      );
    await send("1 + 2?");
    const { body: kept } = await must(call("GET", `/api/v1/threads/${thread.id}`));
    const messages = [
      { role: "user", content: "1 + 2?" },
      {
        role: "assistant",
        content: "Let me see.",
        tool_calls: [
          { id: "call_0_0", type: "function", function: { name: "add", arguments: '{"a":1,"b":2}' } },
        ],
      },
      { role: "tool", tool_call_id: "call_0_0", content: "3" },
      { role: "assistant", content: "It is 3." },
    ];
    expect(kept.messages).toEqual(messages);
    await send("really?");
    const { body } = server.provider.seen.at(-1)!;
    expect(body.messages.slice(1)).toEqual([...messages, { role: "user", content: "really?" }]);
  });

  it("keeps nothing of an answer that fails", async () => {
    const server = await withTools({ turns: () => add, tools: usualTools });
    const call = server.as(server.caller);
    const { body: thread } = await must(call("POST", "/api/v1/agents/helper/threads", {}));
    const request = { thread: thread.id, messages: [question], stream: true };
    await must(call("POST", "/api/v1/agents/helper/chat", request));
    expect((await must(call("GET", `/api/v1/threads/${thread.id}`))).body.messages).toEqual([]);
  });
});

it("an answer of a persona with tools has 16 MB in all rounds, and gives its memory back (T256)", async () => {
  const server = await withTools({ turns: Array(4).fill({ ...add, text: "x".repeat(5_000_000) }) });
  const { status, body } = await server.as(server.caller)("POST", "/v1/chat/completions", ask);
  expect([status, body.error.message]).toEqual([502, "an answer with tools exceeds 16777216 bytes"]);
  // The server also asks for the list of models, from time to time.
  expect(server.provider.seen.filter(({ method }) => method === "POST")).toHaveLength(4);
  const held = async () =>
    /^mcpctl_large_body_bytes\{body="answer"\} (\d+)$/m.exec(
      (await server.admin("GET", "/metrics")).text,
    )?.[1];
  await expect.poll(held).toBe("0");
});
