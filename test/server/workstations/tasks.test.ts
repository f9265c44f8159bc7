import { expect, it } from "vitest";
import { linkPaths } from "../../../src/wire/link/constants.ts";
import { must } from "../../support/server.ts";
import { chatAnswer, chatFrames } from "../../support/upstream.ts";
import {
  acceptCallByStream,
  callModel,
  connectByStream,
  register,
  type StreamAgent,
  startPublisher,
  waitUntil,
} from "./scripted-agent.ts";

const frames = chatFrames(["Hel", "lo"], false);

const batch = (seq: number, more: object = {}) => ({ attempt: 1, seq, frames: [frames[seq - 1]], ...more });

it("a batch is taken once, and not behind a gap (failure mode 47, T83, T84)", async () => {
  const { agent, called, task } = await acceptCallByStream();
  const acked = async (result: object) => (await agent.post(task, result)).body.ackSeq;
  expect(await acked(batch(1))).toBe(1);
  expect(await acked(batch(1))).toBe(1);
  expect(await acked(batch(3))).toBe(1);
  expect(await acked(batch(2))).toBe(2);
  expect(await acked(batch(1))).toBe(2);
  expect((await agent.post(task, { seq: 0, frames: [] })).status).toBe(400);
  expect(await acked({ seq: 3, frames: frames.slice(2), done: true })).toBe(3);
  // The agent sends the batch again, because the answer was lost.
  expect(await acked({ seq: 3, frames: frames.slice(2), done: true })).toBe(3);
  expect(await (await called).text()).toBe(frames.join(""));
});

it("a result of an attempt that was not offered is refused (failure mode 46, T83)", async () => {
  const { agent, called, task } = await acceptCallByStream();
  expect((await agent.post(task, batch(1, { attempt: 2 }))).status).toBe(410);
  expect((await agent.post(task, { seq: 1, frames, done: true, attempt: 1 })).status).toBe(200);
  expect(await (await called).text()).toBe(frames.join(""));
});

it("a result of a task that was not accepted is refused", async () => {
  const alice = await startPublisher();
  const agent = await connectByStream(alice);
  const called = callModel(alice, { stream: true });
  const task = await agent.next("task");
  expect((await agent.post(task, { seq: 1, frames, done: true })).body.code).toBe("conflict");
  await agent.accept(task);
  await agent.post(task, { seq: 1, frames, done: true });
  expect(await (await called).text()).toBe(frames.join(""));
});

it("the answer to a post tells the agent that the caller has gone (failure modes 28, 32)", async () => {
  const { agent, called, task } = await acceptCallByStream();
  await agent.post(task, batch(1));
  (await called).abort();
  await waitUntil(async () => (await agent.post(task, { seq: 2, frames: [] })).body.cancelled === true);
  expect((await agent.next("cancel")).taskId).toBe(task.taskId);
  // Also much later.
  expect((await agent.post(task, batch(3))).body.cancelled).toBe(true);
});

it("a post is answered when the caller has read (failure mode 27)", async () => {
  const { agent, called, task } = await acceptCallByStream();
  const content = "y".repeat(200_000);
  const frame = `data: ${JSON.stringify({ choices: [{ index: 0, delta: { content } }] })}\n\n`;
  const posted: ReturnType<StreamAgent["post"]>[] = [];
  let waiting = 0;
  const post = () => {
    const answer = agent.post(task, { seq: posted.length + 1, frames: [frame] });
    waiting++;
    posted.push(answer.finally(() => waiting--));
    return answer;
  };
  await post();
  const { response } = await called;
  // Post one batch after the other until one is not answered, because the caller does not read.
  for (;;) {
    const answer = await Promise.race([post(), Bun.sleep(500)]);
    if (!answer) break;
    expect(answer.body.cancelled).toBe(false);
    expect(posted.length).toBeLessThan(300);
  }
  const reader = response.body!.getReader();
  while (waiting > 0) await Promise.race([reader.read(), posted.at(-1)]);
  expect((await posted.at(-1)!).body.credit).toBeGreaterThan(0);
  await reader.cancel();
  await agent.next("cancel");
});

it("a task is unknown to agents of other users (failure mode 71)", async () => {
  const { alice, agent, called, task } = await acceptCallByStream();
  const mallory = await alice.server.user("mallory", [
    { role: "expose", resource: "llms" },
    { role: "run", resource: "llms" },
  ]);
  const other = await register(alice.server, mallory.bearer, mallory.call, [{ name: "hers" }]);
  const at = (taskId: string, what: string) => `${linkPaths.task}/${taskId}/${what}`;
  const errorsOf = async (taskId: string) => {
    const [accepted, result] = [
      await other.call("POST", at(taskId, "accept"), { epoch: 1, attempt: 1 }),
      await other.call("POST", at(taskId, "result"), { status: 200, body: {} }),
    ];
    return [accepted, result].map(({ status, body }) => [status, body.error]);
  };
  const gone = [410, "there is no such task"];
  expect(await errorsOf(task.taskId)).toEqual([gone, gone]);
  expect(await errorsOf("task_none")).toEqual([gone, gone]);
  await agent.post(task, { seq: 1, frames, done: true });
  expect(await (await called).text()).toBe(frames.join(""));
  expect(await errorsOf(task.taskId)).toEqual([gone, gone]);
});

it("a task cannot be answered with a token of the same user without expose (T82)", async () => {
  const { alice, agent, called, task } = await acceptCallByStream();
  const maker = [
    { role: "create", resource: "tokens" },
    { role: "run", resource: "llms" },
    { role: "expose", resource: "llms" },
  ];
  await must(alice.server.admin("PUT", "/api/v1/rbac/of-alice", { roleBindings: maker }));
  const made = { name: "runner", roleBindings: [{ role: "run", resource: "llms" }] };
  const runner = alice.server.as((await must(alice.call("POST", "/api/v1/tokens", made))).body.token);
  const { epoch } = agent;
  const { sessionId: providerSessionId } = alice;
  const state = { llms: { home: { status: "inactive" } } };
  for (const [path, body] of [
    [`${linkPaths.task}/${task.taskId}/accept`, { epoch, attempt: 1 }],
    [`${linkPaths.task}/${task.taskId}/result`, { epoch, error: "planted" }],
    [`${linkPaths.task}/task_none/result`, { epoch, error: "planted" }],
    [linkPaths.heartbeat, { providerSessionId, epoch, state }],
    [linkPaths.heartbeat, { providerSessionId: "pvs_none" }],
    [linkPaths.register, { providerSessionId, providers: [] }],
  ] as const) {
    const { status, body: answer } = await runner("POST", path, body);
    expect([status, answer.error], path).toEqual([403, "you may not expose llms"]);
  }
  await agent.post(task, { seq: 1, frames, done: true });
  expect(await (await called).text()).toBe(frames.join(""));
  expect((await alice.call("GET", "/api/v1/llms/home")).body.status).toBe("active");
});

it.each([
  ["nothing", {}],
  ["a status that is not valid", { status: 99, body: {} }],
  ["frames without a number", { frames: ["data: {}\n\n"] }],
  ["frames that are not strings", { seq: 1, frames: [1] }],
  ["a chunk without data", { chunk: {} }],
  ["an attempt that is not a number", { attempt: "1", status: 200, body: {} }],
])("%s is refused as a result, and the task goes on (failure mode 71)", async (_, result) => {
  const { agent, called, task } = await acceptCallByStream();
  expect((await agent.post(task, result)).status).toBe(400);
  await agent.post(task, { seq: 1, frames, done: true });
  expect(await (await called).text()).toBe(frames.join(""));
});

it("token counts in a result count at most the size of the request and of the response (failure mode 71)", async () => {
  const alice = await startPublisher([{ name: "home" }, { name: "claude", type: "anthropic" }]);
  const agent = await connectByStream(alice);
  /** Characters of all requests and bytes of all responses, by llm. */
  const sizes = { home: { request: 0, response: 0 }, claude: { request: 0, response: 0 } };
  const answered = async (body: string, path?: string, more?: object) => {
    const called = callModel(alice, more, path);
    const task = await agent.next("task");
    const size = sizes[task.llmName as keyof typeof sizes];
    size.request += JSON.stringify(task.request).length;
    size.response += Buffer.byteLength(body);
    await agent.accept(task);
    const { status } = await alice.call(
      "POST",
      `${linkPaths.task}/${task.taskId}/result`,
      `{"status":200,"body":${body}}`,
    );
    expect(status).toBe(200);
    return (await called).status;
  };
  const usages = ["1e30", "1e999", "-5e9", '"7"', "{}", "null", "2.4"];
  for (const n of usages) {
    const usage = `{"prompt_tokens":${n},"completion_tokens":${n},"prompt_tokens_details":{"cached_tokens":1e9}}`;
    expect(await answered(`{"choices":[{"message":{}}],"usage":${usage}}`), n).toBe(200);
    const tokens = `{"input_tokens":${n},"output_tokens":${n}}`;
    const message = `{"type":"message","role":"assistant","content":[],"usage":${tokens}}`;
    const request = { model: "claude", max_tokens: 9 };
    expect(await answered(message, "/v1/messages", request), n).toBe(200);
  }
  const { body } = await must(alice.call("GET", "/api/v1/usage?by=llm"));
  expect(body).toMatchObject([
    { llm: "claude", requests: usages.length, errors: 0, cachedTokens: 0 },
    { llm: "home", requests: usages.length, errors: 0 },
  ]);
  for (const { llm, promptTokens, completionTokens, cachedTokens } of body) {
    const { request, response } = sizes[llm as keyof typeof sizes];
    const allowed = llm === "claude" ? 9 * usages.length : 0;
    expect(promptTokens).toBeLessThanOrEqual(request);
    expect(completionTokens).toBeLessThanOrEqual(allowed + response);
    expect(cachedTokens).toBeLessThanOrEqual(promptTokens);
    // The valid report, 2.4, counts.
    expect(Math.min(promptTokens, completionTokens)).toBeGreaterThanOrEqual(2);
  }
});

it.each([
  ["connect", 502],
  ["closed", 502],
  ["timeout", 504],
  ["malformed", 502],
  ["too-large", 502],
  ["busy", 503],
  ["unknown_llm", 503],
  ["draining", 503],
  ["wake", 503],
  ["something newer", 502],
])(
  "the caller gets an error in the server's own words for %s (failure modes 21, 61)",
  async (kind, status) => {
    const alice = await startPublisher();
    const agent = await connectByStream(alice);
    const called = callModel(alice);
    const message = "ECONNREFUSED 10.0.0.7:8000 /home/alice";
    let answered: number | undefined;
    void called.then((one) => {
      answered = one.status;
    });
    const tried = new Set<string>();
    while (answered === undefined) {
      const task = agent.all.find((event) => event.event === "task" && !tried.has(event.taskId));
      if (task) {
        tried.add(task.taskId);
        await agent.post(task, { error: { kind, message } });
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(answered).toBe(status);
    expect(await (await called).text()).not.toMatch(/ECONN|10\.0|alice/);
  },
);

it("a stream ends with one error when its agent fails (failure mode 3)", async () => {
  const { agent, called, task } = await acceptCallByStream();
  await agent.post(task, batch(1));
  const { text } = await called;
  await agent.post(task, { error: { kind: "closed", message: "gone" } });
  const got = await text();
  expect(got.match(/"error":/g)).toHaveLength(1);
  expect((await agent.post(task, batch(2))).status).toBe(410);
});

it("a whole response to a streamed call is sent as a stream, and one without an answer is an error (failure mode 56)", async () => {
  const { agent, called, task } = await acceptCallByStream();
  await agent.post(task, { status: 200, body: chatAnswer("whole") });
  const { status, text } = await called;
  expect([status, await text()]).toEqual([200, expect.stringMatching(/"whole"[\s\S]*\[DONE\]/)]);
  const again = await acceptCallByStream();
  await again.agent.post(again.task, { status: 200, body: { choices: [] } });
  const refused = await again.called;
  expect([refused.status, await refused.text()]).toEqual([502, expect.stringContaining("without choices")]);
});

it("a result that is larger than any response is refused, and the task goes on (failure mode 53)", async () => {
  const { agent, called, task } = await acceptCallByStream();
  const { status } = await agent.post(task, { seq: 1, frames: ["x".repeat(33 * 1024 * 1024)] });
  expect(status).toBe(413);
  await agent.post(task, { seq: 1, frames, done: true });
  expect(await (await called).text()).toBe(frames.join(""));
});
