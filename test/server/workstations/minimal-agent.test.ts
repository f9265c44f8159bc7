import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";
import { expect, it, onTestFinished } from "vitest";
import { must, testServer } from "../../support/server.ts";
import { chatFrames } from "../../support/upstream.ts";
import { referenceAgent } from "./reference-agent.ts";
import { callModel, connectByStream, startPublisher, waitUntil } from "./scripted-agent.ts";

const frames = chatFrames(["Hel", "lo"], false);
const chunks = frames.slice(0, -1).map((frame) => JSON.parse(frame.slice("data: ".length)));
const whole = {
  id: "chatcmpl-1",
  object: "chat.completion",
  created: 1,
  model: "home",
  choices: [{ index: 0, message: { role: "assistant", content: "Hello" }, finish_reason: "stop" }],
  usage: { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 },
};

/** Starts the reference agent and waits until it is attached. */
async function startReferenceAgent(answer: Parameters<typeof referenceAgent>[0]["answer"]) {
  const server = await testServer();
  const grants = ["run", "expose"].map((role) => ({ role, resource: "llms" }));
  const { bearer, call } = await server.user("alice", grants);
  const stop = new AbortController();
  const running = referenceAgent({
    server: server.url,
    token: bearer,
    name: "home",
    answer,
    signal: stop.signal,
  }).catch(() => {});
  onTestFinished(async () => {
    stop.abort();
    await running;
  });
  await waitUntil(async () => (await call("GET", "/api/v1/llms/home")).body?.status === "active");
  const options = { apiKey: bearer, maxRetries: 0 };
  return {
    call,
    openai: new OpenAI({ ...options, baseURL: `${server.url}/v1` }),
    anthropic: new Anthropic({ ...options, baseURL: server.url }),
  };
}

const messages = [{ role: "user" as const, content: "hi" }];

/** Starts a call of `home` whose task a minimal agent has received. `post` posts a result without an epoch. */
async function startTask(body: object = { stream: true }, path?: string, type?: string) {
  const alice = await startPublisher([{ name: "home", ...(type && { type }) }], { protocol: 1 });
  const agent = await connectByStream(alice);
  const called = callModel(alice, body, path);
  const task = await agent.next("task");
  const post = (result: object) =>
    must(alice.call("POST", `/api/v1/llms/_provider-task/${task.taskId}/result`, result));
  return { alice, agent, called, task, post };
}

it("a minimal agent is a page of code, and streams to the OpenAI and the Anthropic SDK", async () => {
  const requests: unknown[] = [];
  const { openai, anthropic } = await startReferenceAgent(async function* (request) {
    requests.push(request);
    yield* chunks;
  });
  const stream = await openai.chat.completions.create({ model: "home", messages, stream: true });
  let text = "";
  for await (const { choices } of stream) text += choices[0]?.delta.content ?? "";
  expect(text).toBe("Hello");
  expect(requests).toEqual([expect.objectContaining({ model: "home", messages, stream: true })]);
  const message = await anthropic.messages.stream({ model: "home", max_tokens: 5, messages }).finalMessage();
  expect(message.content).toMatchObject([{ type: "text", text: "Hello" }]);
});

it("a minimal agent may return a whole response", async () => {
  const { openai } = await startReferenceAgent(() => whole);
  const { choices } = await openai.chat.completions.create({ model: "home", messages });
  expect(choices[0]!.message.content).toBe("Hello");
});

it("a minimal agent's error reaches the caller without the agent's message", async () => {
  const { openai } = await startReferenceAgent(() => {
    throw new Error("ECONNREFUSED http://10.0.0.7:8000");
  });
  const failed = openai.chat.completions.create({ model: "home", messages });
  await expect(failed).rejects.toMatchObject({
    status: 502,
    message: expect.not.stringContaining("10.0.0.7"),
  });
});

it("a minimal agent accepts a task by its delivery, and is told that its caller has gone", async () => {
  const { called, post } = await startTask();
  expect((await post({ chunk: { data: JSON.stringify(chunks[0]) } })).body.cancelled).toBe(false);
  (await called).abort();
  await waitUntil(
    async () => (await post({ chunk: { data: JSON.stringify(chunks[1]) } })).body.cancelled === true,
  );
});

it("a minimal agent continues its tasks when it attaches again without an epoch", async () => {
  const { alice, agent, called, post } = await startTask();
  await post({ chunk: { data: JSON.stringify(chunks[0]) } });
  await connectByStream(alice);
  await agent.ended;
  for (const chunk of chunks.slice(1)) await post({ chunk: { data: JSON.stringify(chunk) } });
  await post({ chunk: { data: "[DONE]", done: true } });
  expect(await (await called).text()).toBe(frames.join(""));
});

it("a minimal agent gets a long request in its task", async () => {
  const { called, task, post } = await startTask({
    messages: [{ role: "user", content: "x".repeat(6_000_000) }],
  });
  expect(task.request.messages[0].content).toHaveLength(6_000_000);
  await post({ status: 200, body: whole });
  expect((await called).status).toBe(200);
});

it.each([
  ["payloads", chunks.map((chunk) => JSON.stringify(chunk, null, 1))],
  ["events", frames.slice(0, -1)],
  ["events with a comment and CRLF", frames.slice(0, -1).map((f) => `: hi\r\n${f.replaceAll("\n", "\r\n")}`)],
  ["lines without a line end", frames.slice(0, -1).map((frame) => frame.trimEnd())],
])(
  "a minimal agent may send %s as chunks, and leave out the last one (failure modes 20, 55)",
  async (_, sent) => {
    const { called, post } = await startTask();
    for (const data of sent) await post({ chunk: { data } });
    await post({ chunk: { data: "", done: true } });
    const text = await (await called).text();
    const data = text
      .split(/\r?\n\r?\n/)
      .map((event) =>
        event
          .split(/\r?\n/)
          .filter((line) => line.startsWith("data: "))
          .map((line) => line.slice(6))
          .join("\n"),
      )
      .filter((one) => one !== "");
    expect(data.at(-1)).toBe("[DONE]");
    expect(data.slice(0, -1).map((one) => JSON.parse(one))).toEqual(chunks);
  },
);

it("a minimal agent may send payloads of dialects that name their events", async () => {
  const { called, task, post } = await startTask(
    { stream: true, max_tokens: 5 },
    "/v1/messages",
    "anthropic",
  );
  expect(task.operation).toBe("messages");
  const events = [
    {
      type: "message_start",
      message: {
        id: "msg_1",
        type: "message",
        role: "assistant",
        model: "m",
        content: [],
        stop_reason: null,
        stop_sequence: null,
        usage: { input_tokens: 1, output_tokens: 1 },
      },
    },
    { type: "content_block_start", index: 0, content_block: { type: "text", text: "" } },
    { type: "content_block_delta", index: 0, delta: { type: "text_delta", text: "Hello" } },
    { type: "content_block_stop", index: 0 },
    {
      type: "message_delta",
      delta: { stop_reason: "end_turn", stop_sequence: null },
      usage: { output_tokens: 2 },
    },
    { type: "message_stop" },
  ];
  const data = events.map((event) => JSON.stringify(event));
  await post({ seq: 1, frames: data, done: true });
  const text = await (await called).text();
  expect(text).toBe(events.map((event, i) => `event: ${event.type}\ndata: ${data[i]}\n\n`).join(""));
});
