import { describe, expect, it, onTestFinished } from "vitest";
import { must, testServer } from "../../../support/server.ts";
import { chatAnswer, chatFrames } from "../../../support/upstream.ts";
import { referenceAgent } from "../../workstations/reference-agent.ts";
import { register, startPublisher } from "../../workstations/scripted-agent.ts";
import { addLlm, events, withProvider } from "../setup.ts";
import { echo, line, sdkAt } from "./batch-setup.ts";

/** The chunks of a chat stream. */
async function* chatChunks(words: readonly string[]): AsyncGenerator<object> {
  for (const frame of chatFrames(words, false).slice(0, -1)) yield JSON.parse(frame.slice("data: ".length));
}

describe("a batch whose llm cannot take it", () => {
  it("waits for the llm of a workstation that is away, without a call, and goes on when it is back (failure mode 198)", async () => {
    const alice = await startPublisher([{ name: "home" }], { server: await testServer({ tick: 50 }) });
    const { server, call, bearer } = alice;
    const llm = async () => (await call("GET", "/api/v1/llms/home")).body;
    const api = sdkAt(server.url, bearer);
    const batch = await api.begin([line("a", { model: "home" })]);
    const request = { messages: [{ role: "user", content: "hi" }], stream: true };
    const made = await must(call("POST", "/api/v1/inference-tasks", { llm: "home", request }));
    await expect.poll(async () => (await api.openai.batches.retrieve(batch.id)).status).toBe("in_progress");
    // The workstation publishes it no longer.
    await register(server, bearer, call, [], 2, { providerSessionId: alice.sessionId });
    expect((await llm()).id).toBeUndefined();
    await Bun.sleep(200);
    expect((await must(call("GET", `/api/v1/inference-tasks/${made.body.id}`))).body).toMatchObject({
      status: "pending",
      attempts: 0,
    });
    const stop = new AbortController();
    onTestFinished(() => stop.abort());
    void referenceAgent({
      ...{ server: server.url, token: bearer, name: "home", signal: stop.signal },
      answer: (asked) => (asked["stream"] ? chatChunks(["he", "re"]) : chatAnswer("here")),
    }).catch(() => {});
    const done = await must(call("GET", `/api/v1/inference-tasks/${made.body.id}?wait=20s`));
    expect(done.body).toMatchObject({
      status: "completed",
      attempts: 1,
      answer: { choices: [{ message: { content: "here" } }] },
    });
    expect(await api.ended(batch.id)).toMatchObject({ request_counts: { completed: 1, failed: 0 } });
  });

  it("fails with a clear word if somebody has deleted it, and what runs is answered (failure mode 270)", async () => {
    const held = Promise.withResolvers<void>();
    const { server, provider, bearer, call } = await withProvider(
      async (seen, connection) => {
        await held.promise;
        echo(seen, connection);
      },
      {},
      { tick: 50 },
    );
    const api = sdkAt(server.url, bearer);
    const lines = Array.from({ length: 7 }, (_, i) => line(`r${i}`));
    const { id } = await api.begin(lines);
    await expect.poll(() => provider.seen.length).toBe(4);
    const ofMessages = { max_tokens: 9, messages: [{ role: "user", content: "hi" }] };
    const task = { llm: "gpt", dialect: "messages", request: ofMessages };
    const made = await must(call("POST", "/api/v1/inference-tasks", task));
    await must(server.admin("DELETE", "/api/v1/llms/gpt"));
    held.resolve();
    const batch = await api.ended(id);
    expect(batch).toMatchObject({ status: "completed", request_counts: { completed: 4, failed: 3 } });
    const [first] = await api.linesOf(batch.error_file_id);
    expect(first).toMatchObject({
      custom_id: "r4",
      response: {
        status_code: 404,
        body: { error: { code: "not_found", message: 'llm "gpt" was deleted before the request was sent' } },
      },
    });
    expect((await must(call("GET", `/api/v1/inference-tasks/${made.body.id}`))).body).toMatchObject({
      status: "failed",
      attempts: 0,
      answer: { type: "error", error: { type: "not_found_error" } },
    });
    expect(provider.seen).toHaveLength(4);
    // Another llm of the name takes new requests.
    await addLlm(server, { url: provider.url });
    const next = await api.begin([line("a")]);
    expect(await api.ended(next.id)).toMatchObject({ request_counts: { completed: 1 } });
    expect(
      (await api.ended((await api.begin([line("w", { model: "none" })])).id)).errors?.data,
    ).toMatchObject([{ code: "model_not_found" }]);
  });

  it("waits where a limit or its provider refuses for now, and fails where it never can", async () => {
    let refusals = 2;
    const { server, provider, bearer } = await withProvider(
      (seen, connection) => {
        if (refusals-- <= 0) return echo(seen, connection);
        connection.end();
      },
      {},
      { tick: 50 },
    );
    const api = sdkAt(server.url, bearer);
    const batch = await api.ended((await api.begin([line("a"), line("b")])).id);
    expect(batch).toMatchObject({ request_counts: { total: 2, completed: 2, failed: 0 } });
    await must(server.admin("PUT", "/api/v1/users/admin", { limits: { tokensPerDay: 1 } }));
    const seen = provider.seen.length;
    const { id } = await api.begin([line("a")]);
    await expect
      .poll(async () => (await events(server)).filter(({ status }) => status === 429).length, {
        timeout: 10_000,
      })
      .toBeGreaterThan(1);
    expect(provider.seen).toHaveLength(seen);
    expect((await api.openai.batches.retrieve(id)).status).toBe("in_progress");
    await must(server.admin("PUT", "/api/v1/users/admin", { limits: null }));
    expect(await api.ended(id)).toMatchObject({ request_counts: { completed: 1 } });
  });
});
