import { describe, expect, it } from "vitest";
import { must, type TestServer } from "../../support/server.ts";
import { reply, type Script } from "../../support/upstream.ts";
import { addLlm, events, lastEvent, withProvider } from "./setup.ts";

const path = "/v1/chat/completions";
const question = { model: "gpt", messages: [{ role: "user", content: "word ".repeat(400) }] };
const asked = (provider: { seen: readonly { method: string }[] }) =>
  provider.seen.filter(({ method }) => method === "POST").length;

/** A provider that reads the request and never answers. */
const hanging: Script = (request, connection) => {
  if (request.method === "GET") connection.write(reply(200, { data: [] }));
};

async function token(server: TestServer) {
  const roleBindings = [{ role: "run", resource: "llms" }];
  const { body } = await must(server.admin("POST", "/api/v1/tokens", { name: "gone", roleBindings }));
  return { call: server.as(body.token), id: body.id as string };
}

describe("a call whose bearer is deleted while its provider thinks", () => {
  it.each([false, true])(
    "gets 401 and no answer, and counts as read (stream: %s; T56, T297)",
    async (stream) => {
      const { server, provider } = await withProvider(hanging);
      const { call, id } = await token(server);
      const answer = call("POST", path, { ...question, stream });
      await expect.poll(() => asked(provider)).toBe(1);
      await must(server.admin("DELETE", `/api/v1/tokens/${id}`));
      expect((await answer).status).toBe(401);
      const event = await lastEvent(server);
      expect(event).toMatchObject({ status: 401, error: "unauthenticated", detail: { estimated: true } });
      expect(event.promptTokens).toBeGreaterThan(400);
    },
  );
});

describe("a request that a provider has read without an answer in time (T297)", () => {
  const timeouts = { firstByte: 0.2 };

  it("counts as read, so that nobody has prompts read for nothing", async () => {
    const { server, call } = await withProvider(hanging, { timeouts });
    expect((await call("POST", path, question)).status).toBe(504);
    expect((await lastEvent(server)).promptTokens).toBeGreaterThan(400);
  });

  it("counts beside the answer of another member of the pool", async () => {
    const usage = { prompt_tokens: 500, completion_tokens: 7, total_tokens: 507 };
    const script: Script = (request, connection) => {
      if (request.method === "GET") return connection.write(reply(200, { data: [] }));
      if (request.body.model === "slow") return;
      const message = { role: "assistant", content: "seven words" };
      connection.write(reply(200, { choices: [{ index: 0, message, finish_reason: "stop" }], usage }));
    };
    const { server, provider, call } = await withProvider(script, {
      name: "a",
      model: "slow",
      poolName: "both",
      timeouts,
    });
    await addLlm(server, { name: "b", model: "fast", poolName: "both", url: provider.url });
    for (let n = 0; n < 8 && asked(provider) < n + 1; n++)
      await must(call("POST", path, { ...question, model: "both" }));
    const failedOver = (await events(server)).find(({ detail }) => detail?.attempts);
    expect(failedOver).toMatchObject({
      status: 200,
      poolMember: "b",
      completionTokens: 7,
      detail: { estimated: true },
    });
    expect(failedOver.promptTokens).toBeGreaterThan(900);
  });
});
