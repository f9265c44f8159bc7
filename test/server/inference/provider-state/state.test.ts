import OpenAI from "openai";
import { describe, expect, it } from "vitest";
import { must, type TestServer, testServer } from "../../../support/server.ts";
import { upstream } from "../../../support/upstream.ts";
import { addLlm, canary, confidential, events, withProvider } from "../setup.ts";
import { keeper } from "./keeper.ts";

const run = [{ role: "run", resource: "llms" }];
const model = "gpt";

/** A server whose llm keeps state, and official clients of two tokens. */
async function stateful(llm: object = {}, options = {}) {
  const { script, kept, end } = keeper();
  const all = await withProvider(script, { responses: "stateful", ...llm }, options);
  const other = await all.server.token("other", run);
  return {
    ...all,
    kept,
    end,
    sdk: sdkOf(all.server, all.bearer),
    otherSdk: sdkOf(all.server, other.bearer),
    other: other.call,
    asked: () => all.provider.seen.map(({ method, path }) => `${method} ${path}`),
  };
}

const sdkOf = (server: TestServer, apiKey: string) =>
  new OpenAI({ baseURL: `${server.url}/v1`, apiKey, maxRetries: 0 });

const statusOf = (call: Promise<unknown>) =>
  call.then(
    () => 200,
    (error: { status?: number }) => error.status,
  );

describe("an llm whose provider keeps answers (case 151)", () => {
  it("answers OpenAI's SDK about them: read, continue, list, delete", async () => {
    const { sdk, provider, asked } = await stateful();
    const first = await sdk.responses.create({ model, input: "one" });
    expect(first.id).toBe("resp_1");
    const next = await sdk.responses.create({ model, input: "two", previous_response_id: first.id });
    expect(provider.seen.map(({ body }) => body)).toEqual([
      { model: "up", input: "one" },
      { model: "up", input: "two", previous_response_id: "resp_1" },
    ]);
    expect((await sdk.responses.retrieve(next.id, { include: ["reasoning.encrypted_content"] })).id).toBe(
      "resp_2",
    );
    expect((await sdk.responses.inputItems.list(next.id, { limit: 5 })).data).toHaveLength(1);
    await sdk.responses.delete(next.id);
    expect(await statusOf(sdk.responses.retrieve(next.id))).toBe(404);
    expect(asked().slice(2)).toEqual([
      "GET /v1/responses/resp_2?include%5B%5D=reasoning.encrypted_content",
      "GET /v1/responses/resp_2/input_items?limit=5",
      "DELETE /v1/responses/resp_2",
    ]);
    expect(new Set(provider.seen.map(({ headers }) => headers["authorization"]))).toEqual(
      new Set([`Bearer ${canary}`]),
    );
  });

  it("finds an answer from the first frame of its stream on, and streams it again", async () => {
    const { sdk } = await stateful();
    const stream = await sdk.responses.create({ model, input: "one", stream: true });
    for await (const event of stream) {
      if (event.type !== "response.created") continue;
      expect((await sdk.responses.retrieve(event.response.id)).status).toBe("completed");
    }
    const again = await sdk.responses.retrieve("resp_1", { stream: true });
    const types: string[] = [];
    for await (const event of again) types.push(event.type);
    expect(types).toEqual(["response.completed"]);
  });

  it("keeps them from every other caller, who asks nothing of the provider (T132)", async () => {
    const { sdk, otherSdk, other, asked } = await stateful();
    const { id } = await sdk.responses.create({ model, input: confidential });
    const conversation = await sdk.conversations.create({});
    const before = asked().length;
    const calls = [
      otherSdk.responses.retrieve(id),
      otherSdk.responses.retrieve(id, { stream: true }),
      otherSdk.responses.delete(id),
      otherSdk.responses.cancel(id),
      otherSdk.responses.inputItems.list(id),
      otherSdk.responses.create({ model, input: "x", previous_response_id: id }),
      otherSdk.responses.create({ model, input: "x", conversation: conversation.id }),
      otherSdk.responses.create({ model, input: "x", conversation: { id: conversation.id } }),
      otherSdk.conversations.retrieve(conversation.id),
      otherSdk.conversations.delete(conversation.id),
      otherSdk.conversations.items.list(conversation.id),
    ].map(statusOf);
    for (const status of await Promise.all(calls)) expect(status).toBe(404);
    // The error for an answer of somebody else is the one for an answer that does not exist.
    const errorFor = async (one: string) => {
      const { status, text } = await other("GET", `/v1/responses/${one}`);
      return [status, text.replaceAll(one, "ID")];
    };
    expect(await errorFor(id)).toEqual(await errorFor("resp_99"));
    expect((await other("GET", "/v1/responses/..%2Fmodels")).status).toBe(404);
    expect(asked()).toHaveLength(before);
    expect((await sdk.responses.retrieve(id)).id).toBe(id);
  });

  it("remembers them after a restart of the server", async () => {
    const { server, bearer, sdk, otherSdk } = await stateful();
    await sdk.responses.create({ model, input: "one" });
    await server.stop();
    const later = await testServer({ folder: server.folder });
    expect((await sdkOf(later, bearer).responses.retrieve("resp_1")).id).toBe("resp_1");
    const { call } = await later.token("third", run);
    expect((await call("GET", "/v1/responses/resp_1")).status).toBe(404);
    expect(otherSdk.apiKey).not.toBe(bearer);
  });

  it.each([
    ["the url", async () => ({ url: upstream(keeper().script).url })],
    ["the key", async () => ({ apiKeyRef: null })],
    ["the setting", async () => ({ responses: "native" })],
  ])("does not ask for them once %s of the llm has changed", async (_what, change) => {
    const { server, sdk, asked } = await stateful();
    await sdk.responses.create({ model, input: "one" });
    await must(server.admin("PUT", "/api/v1/llms/gpt", await change()));
    expect(await statusOf(sdk.responses.retrieve("resp_1"))).toBe(404);
    expect(asked()).toEqual(["POST /v1/responses"]);
  });

  it("does not ask for them once the caller may not run the llm", async () => {
    const { server, asked } = await stateful();
    const { call } = await server.user("ann", run);
    await must(call("POST", "/v1/responses", { model, input: "one" }));
    await addLlm(server, { name: "another", url: "http://127.0.0.1:9" });
    const roleBindings = [{ ...run[0], name: "another" }];
    await must(server.admin("PUT", "/api/v1/rbac/of-ann", { roleBindings }));
    expect((await call("GET", "/v1/responses/resp_1")).status).toBe(404);
    expect(asked()).toHaveLength(1);
  });

  it("goes on with one at the member of the pool that holds it", async () => {
    const second = upstream(keeper().script);
    const { server, sdk, provider } = await stateful({ poolName: "pool" });
    await addLlm(server, { name: "two", url: second.url, poolName: "pool", responses: "stateful" });
    await addLlm(server, { name: "plain", url: second.url, poolName: "pool", responses: "native" });
    await sdk.responses.create({ model, input: "x" });
    const pinned = (provider.seen.length === 1 ? provider : second).seen;
    const others = pinned === provider.seen ? second.seen : provider.seen;
    const [before, own] = [others.length, pinned.length];
    if ("store" in pinned[0]!.body) return;
    for (let n = 0; n < 4; n++)
      await sdk.responses.create({ model: "pool", input: "x", previous_response_id: "resp_1" });
    expect([pinned.length, others.length]).toEqual([own + 4, before]);
  });

  it("leaves no answer behind where the caller forbids to store it", async () => {
    const { sdk, asked } = await stateful();
    await sdk.responses.create({ model, input: "x", store: false });
    expect(await statusOf(sdk.responses.retrieve("resp_1"))).toBe(404);
    expect(asked()).toHaveLength(1);
  });

  it("refuses stored prompts, which belong to the account, and items that are not remembered", async () => {
    const { call, provider } = await stateful();
    const prompt = await call("POST", "/v1/responses", { model, prompt: { id: "pmpt_1" } });
    const item = await call("POST", "/v1/responses", {
      model,
      input: [{ type: "item_reference", id: "msg_9" }],
    });
    expect([prompt.status, item.status, provider.seen.length]).toEqual([400, 400, 0]);
  });

  it("writes one audit event for each call, without contents", async () => {
    const { server, sdk } = await stateful();
    await sdk.responses.create({ model, input: confidential });
    await sdk.responses.retrieve("resp_1");
    expect(await statusOf(sdk.responses.retrieve("resp_2"))).toBe(404);
    const { body } = await must(server.admin("GET", "/api/v1/audit?action=llm_state_call"));
    expect(body).toMatchObject([
      { status: 404, error: "not_found", detail: { object: "resp_2" } },
      { status: 200, llm: "gpt", detail: { call: "GET /v1/responses/:id", object: "resp_1" } },
    ]);
    expect(JSON.stringify([body, await events(server), server.logged])).not.toContain(confidential);
  });

  it("counts a call about an answer as a request", async () => {
    const { server } = await stateful();
    const { call } = await server.user("ann", run);
    await must(server.admin("PUT", "/api/v1/users/ann", { limits: { requestsPerMinute: 2 } }));
    await must(call("POST", "/v1/responses", { model, input: "x" }));
    expect((await call("GET", "/v1/responses/resp_1")).status).toBe(200);
    expect((await call("GET", "/v1/responses/resp_1")).status).toBe(429);
  });
});

describe("a conversation that the provider keeps", () => {
  it("is begun, used, and read by its owner", async () => {
    const { sdk, provider, asked } = await stateful();
    const { id } = await sdk.conversations.create({ metadata: { topic: "x" }, model } as object);
    expect(provider.seen[0]!.body).toEqual({ metadata: { topic: "x" } });
    await sdk.responses.create({ model, input: "hi", conversation: id });
    expect(provider.seen[1]!.body).toMatchObject({ conversation: id });
    expect((await sdk.conversations.retrieve(id)).id).toBe(id);
    await sdk.conversations.update(id, { metadata: {} });
    await sdk.conversations.items.create(id, { items: [{ type: "message", role: "user", content: "x" }] });
    expect((await sdk.conversations.items.list(id)).data).toHaveLength(1);
    await sdk.conversations.delete(id);
    expect(await statusOf(sdk.conversations.retrieve(id))).toBe(404);
    expect(asked().slice(2)).toEqual([
      `GET /v1/conversations/${id}`,
      `POST /v1/conversations/${id}`,
      `POST /v1/conversations/${id}/items`,
      `GET /v1/conversations/${id}/items`,
      `DELETE /v1/conversations/${id}`,
    ]);
  });

  it("needs a model where several llms keep some, and an llm that does", async () => {
    const { server, sdk, provider } = await stateful();
    expect((await sdk.conversations.create()).id).toBe("conv_1");
    await addLlm(server, { name: "two", url: provider.url, responses: "stateful" });
    await addLlm(server, { name: "plain", url: provider.url });
    expect(await statusOf(sdk.conversations.create({}))).toBe(400);
    expect(await statusOf(sdk.conversations.create({ model: "plain" } as object))).toBe(400);
    expect(await statusOf(sdk.conversations.create({ model: "none" } as object))).toBe(404);
    expect(provider.seen).toHaveLength(1);
  });
});

describe("an llm without that setting", () => {
  it("keeps nothing at its provider, and answers 404 about answers", async () => {
    const { sdk, provider } = await stateful({ responses: undefined });
    const { id } = await sdk.responses.create({ model, input: "one" });
    expect(provider.seen[0]!.body.store).toBe(false);
    expect(await statusOf(sdk.responses.retrieve(id))).toBe(404);
    const next = await sdk.responses.create({ model, input: "two", previous_response_id: id });
    expect(provider.seen[1]!.body).toMatchObject({ store: false, previous_response_id: null });
    expect(next.id).toBe("resp_2");
    expect(await statusOf(sdk.responses.create({ model, input: "x", background: true }))).toBe(400);
  });
});
