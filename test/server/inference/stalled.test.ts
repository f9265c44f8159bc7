import { expect, it } from "vitest";
import { recorded, recordedJson } from "../../adapters/translation/streams.ts";
import { faultyProxy } from "../../support/faulty-proxy.ts";
import { must } from "../../support/server.ts";
import { chunk, reply, streamHead } from "../../support/upstream.ts";
import { events, question, withProvider } from "./setup.ts";

/** Callers of each dialect at providers of each dialect. */
const callers = {
  chat: { path: "/v1/chat/completions", body: question },
  messages: { path: "/v1/messages", body: { ...question, max_tokens: 99 } },
  responses: { path: "/v1/responses", body: { model: "gpt", input: "hello" } },
} as const;
const providers = {
  "openai in chat": {
    fields: { type: "openai", responses: "translated" },
    stream: "openai/text.sse",
    whole: "openai/text.json",
  },
  "openai in responses": {
    fields: { type: "openai", responses: "native" },
    stream: "openai/responses-text.events",
    whole: undefined,
  },
  anthropic: { fields: { type: "anthropic" }, stream: "anthropic/text.sse", whole: "anthropic/text.json" },
} as const;
const pairs = (Object.keys(callers) as (keyof typeof callers)[]).flatMap((caller) =>
  (Object.keys(providers) as (keyof typeof providers)[])
    .filter((provider) => provider !== "openai in responses" || caller === "responses")
    .map((provider) => [caller, provider] as const),
);

/** The first frames of a recorded stream: a beginning without an end. */
function beginning(name: string): string {
  const frames = recorded(name)
    .toString()
    .split(/(?<=\n\n)/);
  return frames.slice(0, Math.ceil(frames.length / 2)).join("");
}

/** The fault of the provider: it is silent, stops within a stream, or answers whole when it is too late. */
type Fault = "silent" | "half" | "late";

/** A server with an llm whose provider has a fault, behind a proxy that can be stalled. */
async function withFaults(provider: keyof typeof providers) {
  const { fields, stream, whole } = providers[provider];
  const state = { fault: "silent" as Fault | undefined, tooLate: Promise.withResolvers<void>() };
  const setup = await withProvider(async (_, connection) => {
    const { fault } = state;
    if (fault === "silent") return;
    if (fault === "half") return connection.write(streamHead + chunk(beginning(stream)));
    if (fault === "late") await state.tooLate.promise;
    const answer = recordedJson(whole ?? "openai/text.json") as object;
    connection.write(reply(200, { ...answer, id: `answer-${fault}` }));
  }, fields);
  const proxy = faultyProxy(setup.provider.url);
  const timeouts = { connect: 2, firstByte: 0.3, silence: 0.3 };
  await must(setup.server.admin("PUT", "/api/v1/llms/gpt", { url: proxy.url, timeouts }));
  return { ...setup, proxy, state };
}

const timedOut = { status: 504, error: "provider_timeout" };

it.each(pairs)(
  "a %s call of a provider %s that stalls ends in one error, and the log has its phases",
  async (caller, provider) => {
    const { path, body } = callers[caller];
    const streamed = { ...body, stream: true };
    const { call, server, proxy, state } = await withFaults(provider);

    const silent = await call("POST", path, streamed);
    expect([silent.status, silent.text]).toEqual([504, expect.stringContaining("took too long")]);
    const [first] = await events(server);
    expect(first).toMatchObject({ ...timedOut, detail: { phases: { head: expect.any(Number) } } });
    expect(first.detail.phases).not.toHaveProperty("body");

    state.fault = "half";
    const half = await call("POST", path, streamed);
    expect([half.status, half.text]).toEqual([200, expect.stringContaining("took too long")]);
    expect(half.text.match(/"error":\s*\{/g)!.length).toBeLessThanOrEqual(caller === "responses" ? 2 : 1);
    expect(half.text).not.toMatch(/"finish_reason":"stop"|event: message_stop|event: response\.completed/);
    await expect
      .poll(async () => (await events(server))[0])
      .toMatchObject({ ...timedOut, detail: { phases: { body: expect.any(Number) } } });

    proxy.stall("down");
    const open = await call("POST", path, streamed);
    expect([open.status, open.text]).toEqual([504, expect.stringContaining("took too long")]);
    proxy.resume();

    if (!providers[provider].whole) return;
    state.fault = "late";
    expect((await call("POST", path, body)).status).toBe(504);
    state.fault = undefined;
    state.tooLate.resolve();
    const next = await call("POST", path, body);
    expect([next.status, next.text]).toEqual([200, expect.not.stringContaining("answer-late")]);
  },
);
