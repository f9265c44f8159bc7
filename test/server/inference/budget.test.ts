import { describe, expect, it, onTestFinished, vi } from "vitest";
import { AppError } from "../../../src/errors.ts";
import type { AuditEvent } from "../../../src/server/core/store/types.ts";
import type { CallMetrics } from "../../../src/server/inference/call-metrics.ts";
import { ReceivedBytes, sentRequest } from "../../../src/server/inference/estimated-usage.ts";
import { HealthBook } from "../../../src/server/inference/llm-health.ts";
import { CallRecord } from "../../../src/server/inference/record.ts";
import type { Audit } from "../../../src/server/observability/audit.ts";
import type { Operation } from "../../../src/wire/dialects/operations.ts";
import { row } from "../../support/row.ts";
import { must } from "../../support/server.ts";
import { chatFrames, chunk, lastChunk, reply, type Script, streamHead } from "../../support/upstream.ts";
import { postRaw } from "./caller.ts";
import { events, withProvider } from "./setup.ts";

const path = "/v1/chat/completions";
const words = Array.from({ length: 200 }, () => "word word word word word ");
const question = { model: "gpt", messages: [{ role: "user", content: "y".repeat(4000) }] };

/** A server with a provider, and a token with limits. */
async function limited(script: Script, limits: object, llm: object = {}) {
  const { server, provider } = await withProvider(script, llm);
  const roleBindings = [{ role: "run", resource: "llms" }];
  const { body } = await must(
    server.admin("POST", "/api/v1/tokens", { name: "small", roleBindings, limits }),
  );
  return { server, provider, bearer: body.token as string, call: server.as(body.token) };
}

/** The record of a call, and the events that it writes. */
function recordOf({ dialect = "chat" as Operation, origin = "static", recorded = [] as AuditEvent[] }): {
  record: CallRecord;
  recorded: AuditEvent[];
} {
  const audit = { record: async (event: AuditEvent) => void recorded.push(event) } as unknown as Audit;
  const metrics = { begin() {}, end() {}, measure() {} } as unknown as CallMetrics;
  const principal = { kind: "User", userId: "usr_a" } as never;
  const llm = row("llm_1", "llm", "desk", {
    spec: { type: "vllm", model: "m" },
    status: { origin },
  }) as never;
  const facts = { requestId: "r", principal, dialect, llm, streaming: false };
  const record = new CallRecord(facts, audit, metrics, new HealthBook(new Map(), () => 1), () => 1);
  return { record, recorded };
}

/** A provider that streams words and a finish reason, and sends the usage much later or never. */
const withoutUsage: Script = (request, connection) => {
  if (request.method === "GET") return connection.write(reply(200, { data: [] }));
  if (!request.body.stream) {
    const message = { role: "assistant", content: words.join("") };
    return connection.write(reply(200, { choices: [{ index: 0, message, finish_reason: "stop" }] }));
  }
  connection.write(streamHead + chunk(chatFrames(words, false).slice(0, -1).join("")));
  if (request.body.user === "whole") connection.write(chunk("data: [DONE]\n\n") + lastChunk);
};

describe("a call whose usage never arrives", () => {
  it("counts an estimate of the request and the received bytes when its caller leaves after the finish reason (T93)", async () => {
    const { server, bearer } = await limited(withoutUsage, { tokensPerDay: 6000 });
    const statuses: number[] = [];
    for (let n = 0; n < 12 && statuses.at(-1) !== 429; n++) {
      const read = Promise.withResolvers<void>();
      let text = "";
      const caller = await postRaw(server.url, bearer, path, { ...question, stream: true }, (bytes) => {
        text += Buffer.from(bytes).toString();
        if (text.includes('"stop"') || text.includes("rate_limit")) read.resolve();
      });
      await read.promise;
      statuses.push(text.includes("rate_limit") ? 429 : 200);
      caller.leave();
      await expect.poll(async () => (await events(server)).length).toBe(n + 1);
    }
    expect(statuses.at(-1)).toBe(429);
    expect(statuses.length).toBeLessThan(8);
    const [first] = (await events(server)).filter(({ status }) => status === 499);
    expect(first).toMatchObject({ promptTokens: expect.any(Number), detail: { estimated: true } });
    expect(first!.completionTokens).toBeGreaterThan(500);
    expect(first!.completionTokens).toBeLessThan(2000);
  });

  it.each([true, false])("is estimated where the provider reports none (stream: %s)", async (stream) => {
    const { server, call } = await limited(withoutUsage, { tokensPerDay: 6000 });
    const statuses: number[] = [];
    for (let n = 0; n < 8; n++)
      statuses.push((await call("POST", path, { ...question, stream, user: "whole" })).status);
    expect(statuses[0]).toBe(200);
    expect(statuses).toContain(429);
    const event = (await events(server)).find(({ status }) => status === 200)!;
    expect(event.detail).toEqual({ estimated: true });
    // A thousand words of response, and 4,000 characters of request.
    expect(event.completionTokens).toBeGreaterThan(700);
    expect(event.completionTokens).toBeLessThan(1500);
    expect(event.promptTokens).toBeGreaterThan(900);
    expect(event.promptTokens).toBeLessThan(1200);
  });

  it("costs nothing if no provider has answered it", async () => {
    const { server, call } = await limited(
      (request, connection) => {
        connection.write(reply(request.method === "GET" ? 200 : 400, { error: { message: "no" } }));
      },
      { tokensPerDay: 6000 },
    );
    expect((await call("POST", path, question)).status).toBe(400);
    expect((await events(server))[0]).toMatchObject({ promptTokens: 0, completionTokens: 0 });
  });
});

describe("a call whose caller leaves before anything of its answer has come (T374)", () => {
  it.each([
    ["counts what a model writes in that time", "client_closed_request", "chat", 100_000, 3000],
    ["counts no more than it allows", "client_closed_request", "messages", 500, 500],
    ["counts as much if its bearer ends meanwhile", "unauthenticated", "responses", undefined, 3000],
    ["counts nothing more where the provider failed", "provider_error", "chat", 100_000, 0],
    ["counts nothing more where no text is written", "client_closed_request", "embeddings", undefined, 0],
  ] as const)("%s", async (_what, code, dialect, maxTokens, counted) => {
    let now = 5000;
    const clock = vi.spyOn(performance, "now").mockImplementation(() => now);
    onTestFinished(() => clock.mockRestore());
    const { recorded, record } = recordOf({ dialect });
    now += 60_000;
    record.phases.sent();
    record.sent = sentRequest({ text: "x".repeat(100), body: {} }, maxTokens);
    now += 60_000;
    await record.close(new AppError(code, "over").status, undefined, new AppError(code, "over"));
    expect(recorded[0]).toMatchObject({ promptTokens: 25, completionTokens: counted });
  });
});

describe("the reservation of a call", () => {
  it.each([
    ["the larger of two limits", { max_tokens: 100_000, max_completion_tokens: 0 }],
    ["each of the answers that it asks for", { n: 4, max_tokens: 300 }],
  ])("counts %s", async (_what, fields) => {
    const waiting: Script = (request, connection) => {
      if (request.method === "GET") connection.write(reply(200, { data: [] }));
    };
    const { provider, call } = await limited(waiting, { tokensPerMinute: 1100 });
    const small = { model: "gpt", messages: [{ role: "user", content: "hi" }] };
    void call("POST", path, { ...small, ...fields }).catch(() => {});
    await expect.poll(() => provider.seen.filter(({ method }) => method === "POST").length).toBe(1);
    expect((await call("POST", path, { ...small, max_tokens: 100 })).status).toBe(429);
  });

  it.each([
    ["an answer to each prompt", { prompt: ["a", "b", "c", "d"] }, 1200],
    ["several answers to each prompt of tokens", { prompt: [[1], [2], [3]], n: 2 }, 1800],
    ["one answer to one prompt of tokens", { prompt: [1, 2, 3, 4] }, 300],
  ])("of older completions counts %s (T376)", async (_what, fields, answers) => {
    const waiting: Script = (request, connection) => {
      if (request.method === "GET") connection.write(reply(200, { data: [] }));
    };
    const { provider, call } = await limited(waiting, { tokensPerMinute: 1e6 });
    void call("POST", "/v1/completions", { model: "gpt", max_tokens: 300, ...fields }).catch(() => {});
    await expect.poll(() => provider.seen.filter(({ method }) => method === "POST").length).toBe(1);
    const [{ reserved }] = (await must(call("GET", "/api/v1/limits"))).body;
    expect(reserved).toBeGreaterThan(answers);
    expect(reserved).toBeLessThan(answers + 50);
  });

  it("includes requests for count_tokens if they reach a provider", async () => {
    const counting: Script = (request, connection) =>
      connection.write(reply(200, request.method === "GET" ? { data: [] } : { input_tokens: 7 }));
    const { provider, call, server } = await limited(
      counting,
      { requestsPerMinute: 3 },
      { type: "anthropic" },
    );
    const statuses: number[] = [];
    for (let n = 0; n < 6; n++)
      statuses.push((await call("POST", "/v1/messages/count_tokens", { ...question, max_tokens: 9 })).status);
    expect(statuses).toEqual([200, 200, 200, 429, 429, 429]);
    expect(provider.seen.filter(({ method }) => method === "POST")).toHaveLength(3);
    expect((await events(server)).at(-1)).toMatchObject({ promptTokens: 0, completionTokens: 0 });
  });
});

describe("the usage that an agent reports", () => {
  it("counts at most the size of the request and of the response", async () => {
    const recorded: AuditEvent[] = [];
    for (const origin of ["virtual", "static"]) {
      const { record } = recordOf({ origin, recorded });
      record.sent = sentRequest({ text: "x".repeat(100), body: {} }, 50);
      record.received.add(Buffer.alloc(200));
      await record.close(200, { promptTokens: 1e9, completionTokens: 1e9, cachedTokens: 1e9 });
    }
    const counted = recorded.map(({ promptTokens, completionTokens, cachedTokens }) => [
      promptTokens,
      completionTokens,
      cachedTokens,
    ]);
    expect(counted).toEqual([
      [100, 250, 100],
      [1e8, 1e8, 1e8],
    ]);
  });
});

describe("the estimate", () => {
  it("of a stream follows from its beginning, in proportion to its bytes, in every dialect", () => {
    const frames = {
      chat: (text: string) => `data: {"choices":[{"delta":{"content":"${text}"}}]}\n\n`,
      messages: (text: string) =>
        `event: content_block_delta\ndata: {"type":"content_block_delta","delta":{"type":"text_delta","text":"${text}"}}\n\n`,
      responses: (text: string) => `data: {"type":"response.output_text.delta","delta":"${text}"}\n\n`,
      tool: (text: string) =>
        `data: {"choices":[{"delta":{"tool_calls":[{"function":{"arguments":"${text}"}}]}}]}\n\n`,
      customTool: (text: string) =>
        `data: {"choices":[{"delta":{"tool_calls":[{"custom":{"input":"${text}"}}]}}]}\n\n`,
      speech: (text: string) => `data: {"choices":[{"delta":{"audio":{"transcript":"${text}"}}}]}\n\n`,
      summary: (text: string) =>
        `data: {"choices":[{"delta":{"reasoning_details":[{"summary":"${text}"}]}}]}\n\n`,
    };
    for (const [name, frame] of Object.entries(frames)) {
      const received = new ReceivedBytes();
      for (let n = 0; n < 1000; n++) received.add(Buffer.from(frame("word ")));
      expect(received.tokens(), name).toBeGreaterThan(700);
      expect(received.tokens(), name).toBeLessThan(1600);
    }
    expect(new ReceivedBytes().tokens()).toBe(0);
  });

  it.each([1, 1900, 5000, 300_000])(
    "of a stream counts what follows %d bytes without text: an echo of the request (T373)",
    (bytes) => {
      const received = new ReceivedBytes();
      const echo = { type: "response.created", response: { metadata: { a: "m".repeat(bytes) } } };
      const rest = 'data: {"type":"response.output_text.delta","delta":"word "}\n\n'.repeat(1000);
      const all = Buffer.from(`data: ${JSON.stringify(echo)}\n\n${rest}`);
      for (let at = 0; at < all.length; at += 1000) received.add(all.subarray(at, at + 1000));
      expect(received.total).toBe(all.length);
      expect(received.tokens()).toBeGreaterThan(850);
      expect(received.tokens()).toBeLessThan(1600);
    },
  );

  it("reads 64 KB of a whole answer of 30 MB, and counts the rest in proportion (T70)", () => {
    const part = '{"content":"a word and another "},';
    const whole = new ReceivedBytes();
    whole.addWhole(Buffer.from(part.repeat(30e6 / part.length)));
    const small = new ReceivedBytes();
    small.addWhole(Buffer.from(part.repeat(60e3 / part.length)));
    expect(whole.tokens() / small.tokens()).toBeGreaterThan(490);
    expect(whole.tokens() / small.tokens()).toBeLessThan(510);
    const cut = new ReceivedBytes();
    cut.addWhole(Buffer.from(`{"content":"${"\\".repeat(30e6)}`));
    expect(cut.total).toBeGreaterThan(30e6);
    expect(cut.tokens()).toBeGreaterThan(0);
  });
});
