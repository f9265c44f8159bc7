import { Database } from "bun:sqlite";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { openStore } from "../../../src/server/core/store/index.ts";
import { type Store, StoreError } from "../../../src/server/core/store/types.ts";
import { payloadsOf } from "../../adapters/translation/streams.ts";
import { must, prepareDatabase } from "../../support/server.ts";
import {
  chatFrames,
  chunk,
  goodProvider,
  lastChunk,
  type Script,
  streamHead,
} from "../../support/upstream.ts";
import { postRaw } from "./caller.ts";
import { onlyEvent, question, withProvider } from "./setup.ts";

const chat = "/v1/chat/completions";
const streamed = { ...question, stream: true };

/** A store whose handling of audit events is replaced. The replacement gets the original function. */
async function storeThat(
  append: (store: Store, ...events: Parameters<Store["appendAudit"]>) => Promise<void>,
) {
  const store = await openStore({ path: await prepareDatabase(), now: Date.now });
  return new Proxy(store, {
    get(target, name) {
      if (name === "appendAudit")
        return (...events: Parameters<Store["appendAudit"]>) => append(store, ...events);
      const value = Reflect.get(target, name);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

describe("the audit event of a call is in the database before the caller has the last byte", () => {
  it.each([
    ["a whole answer", chat, question],
    ["a translated one", "/v1/messages", { ...question, max_tokens: 9 }],
    ["a stream", chat, streamed],
    ["a translated stream", "/v1/messages", { ...streamed, max_tokens: 9 }],
    ["a stream under the llm's own path", "/api/v1/llms/gpt/infer", streamed],
    ["a refusal", chat, { ...question, messages: [] }],
    ["an llm that is not there", chat, { ...question, model: "nothing" }],
  ])("of %s at %s", async (_, path, body) => {
    const { server, bearer } = await withProvider(goodProvider);
    const database = new Database(join(server.folder, "mcpctl.db"), { readonly: true });
    onTestFinished(() => database.close());
    const calls = () =>
      database.query("select request_id from audit_events where action = 'llm_inference_call'").all().length;
    expect(calls()).toBe(0);
    const caller = await postRaw(server.url, bearer, path, body);
    if ("stream" in body) await caller.until(path === "/v1/messages" ? "message_stop" : "[DONE]");
    else await caller.ended;
    expect(calls()).toBe(1);
    expect(await caller.ended).toBe(true);
    expect(calls()).toBe(1);
  });

  it("even if the database is slow; only the last frame of a stream waits for it", async () => {
    const [start, word, finish, done] = chatFrames(["a"], false) as [string, string, string, string];
    const order: string[] = [];
    const seen = Promise.withResolvers<void>();
    const store = await storeThat(async (inner, events) => {
      if (events.some(({ action }) => action === "llm_inference_call")) await seen.promise;
      await inner.appendAudit(events);
      order.push("committed");
    });
    const script: Script = (_, connection) => {
      for (const piece of [streamHead, chunk(start + word + finish), chunk(done), lastChunk])
        connection.write(piece);
    };
    const { server, bearer } = await withProvider(script, {}, { store });
    const caller = await postRaw(server.url, bearer, chat, streamed);
    await caller.until(finish);
    order.push("all but the end");
    seen.resolve();
    await caller.until("[DONE]");
    order.push("the end");
    expect(order.slice(-3)).toEqual(["all but the end", "committed", "the end"]);
  });
});

describe("a call while the disk is full (T71)", () => {
  async function full() {
    let isFull = false;
    const store = await storeThat(async (inner, events) => {
      if (isFull) throw new StoreError("full");
      await inner.appendAudit(events);
    });
    const setup = await withProvider(goodProvider, {}, { store });
    isFull = true;
    return setup;
  }

  it("returns 507 in place of a response that is not streamed", async () => {
    const { call } = await full();
    const { status, body } = await call("POST", chat, question);
    expect([status, body.error.code]).toEqual([507, "storage_full"]);
    expect(JSON.stringify(body)).not.toContain("hello there");
  });

  it("ends a stream with an error in place of its last frame", async () => {
    const { call } = await full();
    const { text } = await call("POST", chat, streamed);
    expect(payloadsOf(text).slice(-2)).toMatchObject([{ error: { code: "storage_full" } }, "[DONE]"]);
    expect(text.match(/"error"/g)).toHaveLength(1);
    expect(text.match(/\[DONE\]/g)).toHaveLength(1);
    const other = await full();
    const messages = (await other.call("POST", "/v1/messages", { ...streamed, max_tokens: 9 })).text;
    expect(payloadsOf(messages).at(-1)).toMatchObject({ type: "error" });
    expect(messages).not.toContain("message_stop");
  });

  it("returns the error of the call itself, and the catalogue can still be read", async () => {
    const { call, server } = await full();
    expect((await call("POST", chat, { ...question, model: "nothing" })).status).toBe(404);
    expect((await call("GET", "/v1/models")).body.data).toHaveLength(1);
    expect((await must(server.admin("GET", "/api/v1/llms"))).body).toHaveLength(1);
  });
});

it("the audit event of a call has these fields, and neither the key nor the messages", async () => {
  const { call, server } = await withProvider(goodProvider, { poolName: "pool" });
  const answer = await call("POST", chat, { ...question, model: "pool", stream: true });
  expect(await onlyEvent(server)).toEqual({
    at: expect.any(String),
    action: "llm_inference_call",
    requestId: answer.headers.get("x-request-id"),
    user: "admin",
    userId: expect.stringMatching(/^usr_/),
    token: "t",
    tokenId: expect.stringMatching(/^tok_/),
    status: 200,
    llm: "pool",
    poolMember: "gpt",
    model: "up",
    type: "openai",
    dialect: "chat",
    streaming: true,
    durationMs: expect.any(Number),
    ttftMs: expect.any(Number),
    promptTokens: 7,
    completionTokens: 2,
    cachedTokens: 0,
  });
});
