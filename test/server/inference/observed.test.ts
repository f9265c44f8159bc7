import { describe, expect, it } from "vitest";
import { traceSettings } from "../../../src/server/observability/trace-settings.ts";
import { must } from "../../support/server.ts";
import {
  chatAnswer,
  chatFrames,
  chunk,
  goodProvider,
  lastChunk,
  reply,
  streamHead,
  upstream,
} from "../../support/upstream.ts";
import { postRaw } from "./caller.ts";
import { addLlm, canary, confidential, question, withProvider } from "./setup.ts";

const chat = "/v1/chat/completions";
const traceId = "0af7651916cd43dd8448eb211c80319c";
const traceparent = `00-${traceId}-b7ad6b7169203331-01`;

/** A collector, and the spans that it received. */
function collector() {
  const at = upstream((_, connection) => connection.write(reply(200, {})));
  return {
    traces: traceSettings({ OTEL_EXPORTER_OTLP_ENDPOINT: at.url })!,
    text: () => at.seen.map(({ text }) => text).join(""),
    spans: () => at.seen.flatMap(({ body }) => body.resourceSpans[0].scopeSpans[0].spans),
  };
}

describe("a traced call", () => {
  it("is one span of the caller's trace; the provider gets traceparent, and no content leaves", async () => {
    const { traces, spans, text } = collector();
    const { server, call, provider } = await withProvider(goodProvider, {}, { traces });
    await must(call("POST", chat, { ...question, stream: true }, { traceparent, tracestate: "a=1" }));
    await must(call("POST", chat, question));
    await call("POST", chat, { ...question, model: "nothing" });
    await server.stop();

    const [streamed, whole, missing, ...more] = spans();
    expect(more).toEqual([]);
    const sent = provider.seen.filter(({ method }) => method === "POST").map(({ headers }) => headers);
    expect(sent[0]).toMatchObject({
      traceparent: `00-${traceId}-${streamed.spanId}-01`,
      tracestate: "a=1",
    });
    expect(sent[1]!["traceparent"]).toBe(`00-${whole.traceId}-${whole.spanId}-01`);
    expect(streamed).toMatchObject({ traceId, parentSpanId: "b7ad6b7169203331", name: "chat gpt" });
    expect(streamed.events).toHaveLength(1);
    expect(whole.events).toEqual([]);
    expect(whole.traceId).not.toBe(traceId);
    expect(JSON.stringify(streamed.attributes)).toContain('"gen_ai.usage.output_tokens"');
    expect(missing).toMatchObject({ name: "chat", status: { code: 0 } });
    expect(JSON.stringify(missing.attributes)).toContain('"not_found"');
    expect(text()).not.toContain(canary);
    expect(text()).not.toContain(confidential);
  });

  it("has the error of a failed call, and sends nothing when tracing is off", async () => {
    const { traces, spans } = collector();
    const { server, call } = await withProvider((_, connection) => connection.reset(), {}, { traces });
    expect((await call("POST", chat, question)).status).toBe(502);
    await server.stop();
    expect(spans()[0]).toMatchObject({ status: { code: 2 } });

    const untraced = await withProvider(goodProvider);
    await must(untraced.call("POST", chat, question, { traceparent }));
    expect(untraced.provider.seen.at(-1)!.headers).not.toHaveProperty("traceparent");
  });

  it("does not wait for an unreachable collector", async () => {
    const traces = traceSettings({ OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:9" })!;
    const { server, call } = await withProvider(goodProvider, {}, { traces });
    await must(call("POST", chat, question));
    await server.stop();
    expect(server.logged).toContain(
      "the trace collector receives no spans: it cannot be reached: the connection was refused (ECONNREFUSED)",
    );
  });
});

it("the gauge of calls in flight counts calls until they end, whatever their result", async () => {
  const answer = Promise.withResolvers<void>();
  const arrived = Promise.withResolvers<void>();
  const { server, call, bearer, provider } = await withProvider(async (_, connection) => {
    arrived.resolve();
    await answer.promise;
    connection.write(reply(200, chatAnswer("hello")));
  });
  const inFlight = async () => {
    const { text } = await must(server.admin("GET", "/metrics"));
    return Number(/^mcpctl_calls_in_flight (\S+)$/m.exec(text)?.[1]);
  };
  expect(await inFlight()).toBe(0);
  const first = call("POST", chat, question);
  await arrived.promise;
  expect(await inFlight()).toBe(1);
  answer.resolve();
  await must(first);
  expect(await inFlight()).toBe(0);
  await call("POST", chat, { ...question, messages: [] });
  expect(await inFlight()).toBe(0);
  expect(provider.seen).toHaveLength(1);

  // A stream that its caller leaves.
  const endless = upstream((_, connection) =>
    connection.write(`${streamHead}${chunk(chatFrames(["a"], false)[0]!)}`),
  );
  await addLlm(server, { name: "endless", url: endless.url });
  const caller = await postRaw(server.url, bearer, chat, { ...question, model: "endless", stream: true });
  await caller.until("assistant");
  expect(await inFlight()).toBe(1);
  caller.leave();
  await expect.poll(inFlight).toBe(0);
});

describe("the access log of a server", () => {
  it("has a line for each request: the route instead of the path, the usage, no key and no content", async () => {
    let text = "";
    const accessLog = (line: string) => {
      text += line;
    };
    const { server, call } = await withProvider(
      (request, connection) => {
        if (!request.body?.stream) return connection.write(reply(200, chatAnswer("hello")));
        connection.write(streamHead);
        for (const frame of chatFrames(["hel", "lo"], true)) connection.write(chunk(frame));
        connection.write(lastChunk);
      },
      {},
      { accessLog },
    );
    const ids: (string | null)[] = [];
    for (const asking of [
      call("POST", chat, question),
      call("POST", chat, { ...question, stream: true }),
      call("POST", "/api/v1/llms/gpt/infer", { ...question, messages: [] }),
      server.as("wrong-bearer-canary")("POST", chat, question),
      server.admin("GET", "/api/v1/llms/gpt"),
      server.admin("GET", "/nowhere/path-canary"),
      server.as()("GET", "/healthz", undefined, { host: "evil-canary.example" }),
    ])
      ids.push((await asking).headers.get("x-request-id"));
    await server.stop();
    const lines = text
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    const of = (id: string | null | undefined) => lines.filter(({ requestId }) => requestId === id);
    expect(ids.map((id) => of(id).length)).toEqual(ids.map(() => 1));
    const common = {
      level: "info",
      msg: "request",
      time: expect.any(String),
      durationMs: expect.any(Number),
    };
    const called = { method: "POST", user: "admin", llm: "gpt", tokensIn: 7, tokensOut: 2 };
    expect(of(ids[0])).toMatchObject([{ ...common, ...called, route: chat, status: 200 }]);
    expect(of(ids[1])).toMatchObject([{ ...common, ...called, route: chat, status: 200 }]);
    expect(of(ids[2])).toMatchObject([
      {
        route: "/api/v1/llms/:idOrName/infer",
        status: 400,
        error: "invalid_request",
        llm: "gpt",
        user: "admin",
      },
    ]);
    expect(of(ids[3])).toMatchObject([{ route: chat, status: 401, error: "unauthenticated" }]);
    expect(of(ids[3])[0]).not.toHaveProperty("user");
    expect(of(ids[4])).toMatchObject([{ method: "GET", route: "/api/v1/llms/:idOrName", user: "admin" }]);
    expect(of(ids[5])).toMatchObject([{ route: null, status: 404, error: "not_found" }]);
    expect(of(ids[6])).toMatchObject([{ route: null, status: 421, error: "misdirected_request" }]);
    expect(text).not.toMatch(/canary/);
    expect(text).not.toContain(confidential);
  });

  it("has the line of a stream after its end, with its error", async () => {
    let text = "";
    const { server, bearer } = await withProvider(
      (_, connection) => connection.write(`${streamHead}${chunk(chatFrames(["a"], false)[0]!)}`),
      {},
      {
        accessLog: (line) => {
          text += line;
        },
      },
    );
    const isOf = (line: string) => JSON.parse(line).route === chat;
    const lines = () => text.split("\n").filter((line) => line !== "" && isOf(line));
    const caller = await postRaw(server.url, bearer, chat, { ...question, stream: true });
    await caller.until("assistant");
    expect(lines()).toEqual([]);
    caller.leave();
    await expect.poll(lines).toHaveLength(1);
    expect(JSON.parse(lines()[0]!)).toMatchObject({
      route: chat,
      status: 499,
      error: "client_closed_request",
      user: "admin",
    });
  });
});
