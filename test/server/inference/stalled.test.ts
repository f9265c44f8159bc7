import { describe, expect, it } from "vitest";
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

/** A server whose llm answers as `answers` says, through a proxy with faults, within half a second. */
async function withFaults(provider: keyof typeof providers, answers: "nothing" | "half" | "head") {
  const { fields, stream } = providers[provider];
  const setup = await withProvider((_, connection) => {
    if (answers === "half") connection.write(streamHead + chunk(beginning(stream)));
    else if (answers === "head") connection.write(streamHead);
  }, fields);
  const proxy = faultyProxy(setup.provider.url);
  const timeouts = { connect: 1, firstByte: 0.4, silence: 0.4 };
  await must(setup.server.admin("PUT", "/api/v1/llms/gpt", { url: proxy.url, timeouts }));
  return { ...setup, proxy };
}

const timedOut = { status: 504, error: "provider_timeout" };

describe.each(pairs)("a streamed %s call of a provider %s", (caller, provider) => {
  const { path, body } = callers[caller];
  const streamed = { ...body, stream: true };

  it("that never answers is 504, and the log says that the head was waited for", async () => {
    const { call, server } = await withFaults(provider, "nothing");
    const { status, text } = await call("POST", path, streamed);
    expect([status, text]).toEqual([504, expect.stringContaining("took too long")]);
    const [event] = await events(server);
    expect(event).toMatchObject({ ...timedOut, detail: { phases: { head: expect.any(Number) } } });
    expect(event.detail.phases).not.toHaveProperty("body");
  });

  it("that stalls within its answer ends in one error, and the log says that the body was waited for", async () => {
    const { call, server } = await withFaults(provider, "half");
    const { status, text } = await call("POST", path, streamed);
    expect(status).toBe(200);
    expect(text).toContain("took too long");
    expect(text.match(/"error":\s*\{/g)!.length).toBeLessThanOrEqual(caller === "responses" ? 2 : 1);
    expect(text).not.toMatch(/"finish_reason":"stop"|event: message_stop|event: response\.completed/);
    await expect
      .poll(async () => (await events(server))[0])
      .toMatchObject({
        ...timedOut,
        detail: { phases: { body: expect.any(Number) } },
      });
  });

  it("whose connection is half open ends in one error", async () => {
    const { call, server, proxy } = await withFaults(provider, "half");
    proxy.stall("down");
    const { status, text } = await call("POST", path, streamed);
    expect([status, text]).toEqual([504, expect.stringContaining("took too long")]);
    expect((await events(server))[0]).toMatchObject(timedOut);
  });
});

describe.each(pairs.filter(([, provider]) => providers[provider].whole))(
  "a %s call of a provider %s",
  (caller, provider) => {
    it("that answers after the deadline is 504, and the late answer reaches nobody", async () => {
      const { fields, whole } = providers[provider];
      const late = Promise.withResolvers<void>();
      const {
        call,
        server,
        provider: upstream,
      } = await withProvider(
        async (_, connection) => {
          if (upstream.seen.length === 1) await late.promise;
          connection.write(
            reply(200, { ...(recordedJson(whole!) as object), id: `answer-${upstream.seen.length}` }),
          );
        },
        { ...fields, timeouts: { firstByte: 0.3 } },
      );
      const { path, body } = callers[caller];
      expect((await call("POST", path, body)).status).toBe(504);
      late.resolve();
      const next = await call("POST", path, body);
      expect([next.status, next.text]).toEqual([200, expect.not.stringContaining("answer-1")]);
      expect(await events(server)).toMatchObject([{ status: 200 }, timedOut]);
    });
  },
);
