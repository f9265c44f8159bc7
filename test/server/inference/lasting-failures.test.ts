import Anthropic from "@anthropic-ai/sdk";
import { describe, expect, it } from "vitest";
import { chatAnswer, goodProvider, reply, upstream } from "../../support/upstream.ts";
import { addLlm, onlyEvent, question, withProvider } from "./setup.ts";

const path = "/v1/chat/completions";

/** Failures that repeat for ever, as model servers send them. */
const lasting = [
  "Jinja Exception: Conversation roles must alternate user/assistant",
  "Error rendering prompt with jinja template: System message must be at the beginning.",
  "image input is not supported - hint: if this is unexpected, you may need to provide the mmproj",
  "This model does not support image inputs",
];

describe("case 124: a 500 that every repetition would meet again", () => {
  it.each(lasting)("is a refusal, and not repeated: %s", async (message) => {
    const { call, provider, server } = await withProvider((_, connection) =>
      connection.write(reply(500, { error: { code: 500, message, type: "server_error" } })),
    );
    const { status, body } = await call("POST", path, question);
    expect([status, body.error.message]).toEqual([400, message]);
    expect(provider.seen).toHaveLength(1);
    expect(await onlyEvent(server)).toMatchObject({ status: 400, error: "invalid_request" });
  });

  it("is tried at another member of the pool, and is no sign that the llm fails", async () => {
    const { call, server } = await withProvider(goodProvider, { poolName: "pool" });
    const blind = upstream((_, connection) =>
      connection.write(reply(500, { error: { message: lasting[2], code: 500 } })),
    );
    await addLlm(server, { name: "blind", url: blind.url, poolName: "pool" });
    for (let times = 0; times < 40; times++)
      expect((await call("POST", path, { ...question, model: "pool" })).status).toBe(200);
    // One that cools down would be asked last: after three failures never again.
    expect(blind.seen.length).toBeGreaterThan(3);
  });

  it.each(["the GPU fell off the bus", "CUDA out of memory", "internal error"])(
    "is repeated where it may pass: %s",
    async (message) => {
      let times = 0;
      const { call } = await withProvider((_, connection) =>
        connection.write(times++ === 0 ? reply(500, { error: { message } }) : reply(200, chatAnswer("ok"))),
      );
      expect((await call("POST", path, question)).status).toBe(200);
      expect(times).toBe(2);
    },
  );
});

describe("the id of a request", () => {
  it("is where Anthropic's SDK reads it, in answers and errors", async () => {
    const { server, bearer } = await withProvider(goodProvider);
    const client = new Anthropic({ baseURL: server.url, apiKey: bearer, maxRetries: 0 });
    const messages = [{ role: "user" as const, content: "hi" }];
    const { response, request_id } = await client.messages
      .create({ model: "gpt", max_tokens: 9, messages })
      .withResponse();
    expect(request_id).toBe(response.headers.get("x-request-id"));
    expect(request_id).toMatch(/^req_/);
    const failed = client.messages.create({ model: "nope", max_tokens: 9, messages });
    await expect(failed).rejects.toMatchObject({ requestID: expect.stringMatching(/^req_/) });
  });

  it("is in one header only for other clients", async () => {
    const { call } = await withProvider(goodProvider);
    const { headers } = await call("POST", path, question);
    expect([headers.has("x-request-id"), headers.has("request-id")]).toEqual([true, false]);
  });
});
