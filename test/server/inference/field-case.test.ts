import { expect, it } from "vitest";
import { must } from "../../support/server.ts";
import { withPersona } from "./personas/setup.ts";
import { line, sdkAt } from "./tasks/batch-setup.ts";

const hello = [{ role: "user", content: "hello" }];

it("a field in another case is refused wherever a call comes in, and reaches no provider (T95)", async () => {
  const { server, provider } = await withPersona({}, { tick: 50 });
  const run = ["llms", "agents"].map((resource) => ({ role: "run", resource }));
  const { call, bearer } = await server.user("alice", run);
  const body = { model: "gpt", messages: hello, MAX_TOKENS: 1 };
  const noModel = { messages: hello, Model: "other" };
  const tries = [
    ["/v1/chat/completions", body],
    ["/v1/messages", { ...body, max_tokens: 1 }],
    ["/v1/messages/count_tokens", { ...body, Messages: [] }],
    ["/v1/responses", { model: "gpt", input: "hi", Previous_Response_ID: "resp_of_another" }],
    ["/v1/responses", { model: "gpt", input: "hi", Conversation: "conv_of_another" }],
    ["/v1/responses/input_tokens", { model: "gpt", input: "hi", Input: "more" }],
    ["/v1/embeddings", { model: "gpt", input: "hi", INPUT: ["more"] }],
    ["/v1/completions", { model: "gpt", prompt: "hi", Best_Of: 20 }],
    ["/v1/rerank", { model: "gpt", query: "q", documents: ["d"], Documents: ["d", "e"] }],
    ["/v1/images/generations", { model: "gpt", prompt: "p", N: 10 }],
    ["/v1/audio/speech", { model: "gpt", input: "hi", voice: "v", Input: "much more" }],
    ["/api/v1/llms/gpt/infer", noModel],
    ["/api/v1/agents/reviewer/chat", noModel],
    ["/api/v1/inference-tasks", { llm: "gpt", request: noModel }],
  ] as const;
  for (const [path, sent] of tries) {
    const { status, text } = await call("POST", path, sent);
    expect([path, status]).toEqual([path, 400]);
    expect(text, path).toContain("did you mean");
  }
  const { begin, ended } = sdkAt(server.url, bearer);
  const batch = await ended((await begin([line("a", { MAX_TOKENS: 1 })])).id);
  expect(batch.request_counts).toEqual({ total: 1, completed: 0, failed: 1 });
  const requests = [{ custom_id: "a", params: { ...body, max_tokens: 1 } }];
  const { id } = (await must(call("POST", "/v1/messages/batches", { requests }))).body;
  const state = async () => (await call("GET", `/v1/messages/batches/${id}`)).body;
  await expect.poll(async () => (await state()).processing_status).toBe("ended");
  expect((await state()).request_counts).toMatchObject({ errored: 1, succeeded: 0 });
  expect(provider.seen.filter(({ method }) => method === "POST")).toEqual([]);
  await must(call("POST", "/v1/chat/completions", { model: "gpt", messages: hello }));
});
