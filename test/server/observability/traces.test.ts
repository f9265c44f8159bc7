import { describe, expect, it, onTestFinished } from "vitest";
import type { Log } from "../../../src/log.ts";
import { createOutbound } from "../../../src/net/outbound.ts";
import { systemRandom } from "../../../src/server/core/ids.ts";
import { Metrics } from "../../../src/server/observability/metrics.ts";
import { createTraceExport } from "../../../src/server/observability/trace-export.ts";
import { traceSettings } from "../../../src/server/observability/trace-settings.ts";
import { openTracer } from "../../../src/server/observability/tracer.ts";
import type { CallEnd, Tracer } from "../../../src/server/observability/traces.ts";
import { row } from "../../support/row.ts";
import { reply, type Script, type Seen, upstream } from "../../support/upstream.ts";

const traceId = "0af7651916cd43dd8448eb211c80319c";
const parentId = "b7ad6b7169203331";
const llm = row("llm_1", "llm", "gpt", { spec: { type: "openai" } });
const call = { requestId: "req_1", dialect: "chat" as const, headers: new Headers() };
const over: CallEnd = { status: 200, llm, model: "gpt-5.6-luna", streaming: true };

/** A tracer that sends to a scripted collector, and what it counted and told. */
function tracing(script: Script, env: Record<string, string> = {}) {
  const collector = upstream(script);
  const metrics = new Metrics();
  const told: string[] = [];
  const log = { warn: (text: string) => void told.push(text) } as unknown as Log;
  const outbound = createOutbound();
  let elapsed = 1000;
  const settings = traceSettings({ OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, ...env })!;
  const tracer = openTracer(settings, {
    outbound,
    metrics,
    log,
    random: systemRandom,
    now: () => 1_700_000_000_000,
    elapsed: () => elapsed,
  });
  onTestFinished(async () => {
    await tracer.close();
    outbound.close();
  });
  const pass = (milliseconds: number) => {
    elapsed += milliseconds;
  };
  return { collector, metrics, told, tracer, pass };
}

const taking: Script = (_, connection) => connection.write(reply(200, {}));

// biome-ignore lint/suspicious/noExplicitAny: tests look at whatever came
function spansIn(seen: readonly Seen[]): any[] {
  return seen.flatMap(({ body }) => body.resourceSpans[0].scopeSpans[0].spans);
}

/** Attributes as one would write them. */
function plain(attributes: { key: string; value: Record<string, unknown> }[]) {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]));
}

function counted(metrics: Metrics) {
  const found = metrics.render().matchAll(/^mcpctl_trace_spans_total\{outcome="(\w+)"\} (\d+)$/gm);
  return Object.fromEntries([...found].map(([, outcome, count]) => [outcome, Number(count)]));
}

/** Makes and ends so many spans. */
function make(tracer: Tracer, count: number): void {
  for (let i = 0; i < count; i++) tracer.start(call)!.end(over);
}

describe("the span of a call", () => {
  it("is a child of the caller's span, has the facts of the call, and is passed on to the provider", async () => {
    const { collector, tracer, pass } = tracing(taking, {
      OTEL_SERVICE_NAME: "llm-gateway",
      OTEL_RESOURCE_ATTRIBUTES: "deployment.environment=home,service.name=other",
      OTEL_EXPORTER_OTLP_HEADERS: "X-Tenant=me,authorization=Basic%20abc",
    });
    const headers = new Headers({ traceparent: `00-${traceId}-${parentId}-01`, tracestate: "a=1" });
    const span = tracer.start({ ...call, headers })!;
    const sent = /^00-([\da-f]{32})-([\da-f]{16})-01$/.exec(span.headers["traceparent"]!)!;
    expect(sent[1]).toBe(traceId);
    expect(sent[2]).not.toBe(parentId);
    expect(span.headers["tracestate"]).toBe("a=1");
    pass(250.5);
    span.firstByte();
    pass(100);
    span.firstByte();
    const usage = { promptTokens: 7, completionTokens: 5, cachedTokens: 0 };
    span.end({ ...over, pool: "fast", usage });
    span.end({ ...over, status: 500 });
    await tracer.close();

    const [asked, ...more] = collector.seen;
    expect(more).toEqual([]);
    expect(asked).toMatchObject({
      method: "POST",
      path: "/v1/traces",
      headers: { "content-type": "application/json", "x-tenant": "me", authorization: "Basic abc" },
    });
    const { resource, scopeSpans } = asked!.body.resourceSpans[0];
    expect(plain(resource.attributes)).toMatchObject({
      "service.name": "llm-gateway",
      "deployment.environment": "home",
    });
    expect(scopeSpans[0].scope.name).toBe("mcpctl");
    const [{ attributes, events, ...rest }] = spansIn(collector.seen);
    expect(rest).toEqual({
      traceId,
      spanId: sent[2],
      parentSpanId: parentId,
      traceState: "a=1",
      name: "chat fast",
      kind: 2,
      startTimeUnixNano: "1700000000000000000",
      endTimeUnixNano: "1700000000350500000",
      status: { code: 0 },
    });
    expect(plain(attributes)).toEqual({
      "gen_ai.operation.name": "chat",
      "gen_ai.provider.name": "openai",
      "gen_ai.request.model": "gpt-5.6-luna",
      "gen_ai.usage.input_tokens": "7",
      "gen_ai.usage.output_tokens": "5",
      "http.response.status_code": "200",
      "mcpctl.llm": "gpt",
      "mcpctl.pool": "fast",
      "mcpctl.dialect": "chat",
      "mcpctl.streaming": true,
      "mcpctl.request_id": "req_1",
    });
    expect(events).toEqual([
      {
        timeUnixNano: "1700000000250500000",
        name: "first_token",
        attributes: [{ key: "gen_ai.server.time_to_first_token", value: { doubleValue: 0.2505 } }],
      },
    ]);
  });

  it.each([
    ["none", null],
    ["no hex", `00-${"x".repeat(32)}-${parentId}-01`],
    ["a trace of zeros", `00-${"0".repeat(32)}-${parentId}-01`],
    ["a span of zeros", `00-${traceId}-${"0".repeat(16)}-01`],
    ["version ff", `ff-${traceId}-${parentId}-01`],
    ["more than version 00 has", `00-${traceId}-${parentId}-01-x`],
  ])("begins a new trace if the traceparent is %s", async (_, traceparent) => {
    const { collector, tracer } = tracing(taking);
    const headers = new Headers({ tracestate: "a=1", ...(traceparent !== null && { traceparent }) });
    const span = tracer.start({ ...call, headers })!;
    expect(span.headers).toEqual({ traceparent: expect.stringMatching(/^00-[\da-f]{32}-[\da-f]{16}-01$/) });
    expect(span.headers["traceparent"]).not.toContain(traceId);
    span.end({ status: 404, streaming: false, error: "not_found" });
    await tracer.close();
    const [sent] = spansIn(collector.seen);
    expect(sent).toMatchObject({ name: "chat", status: { code: 0 }, events: [] });
    expect(sent).not.toHaveProperty("parentSpanId");
    expect(plain(sent.attributes)).toMatchObject({ "error.type": "not_found" });
  });

  it("is an error if the server or the provider failed", async () => {
    const { collector, tracer } = tracing(taking);
    tracer.start(call)!.end({ ...over, status: 502, error: "provider_unreachable" });
    await tracer.close();
    expect(spansIn(collector.seen)[0].status).toEqual({ code: 2 });
  });

  it.each([
    ["parentbased_always_on", undefined, "01", true],
    ["parentbased_always_on", undefined, "00", false],
    ["parentbased_always_on", undefined, undefined, true],
    ["parentbased_always_off", undefined, "01", true],
    ["parentbased_always_off", undefined, undefined, false],
    ["always_on", undefined, "00", true],
    ["always_off", undefined, "01", false],
    ["traceidratio", "0", "01", false],
    ["traceidratio", "1", "00", true],
    ["parentbased_traceidratio", "0", "01", true],
    ["parentbased_traceidratio", "0", undefined, false],
  ])("with sampler %s %s and flags %s of the parent is made: %s", (sampler, argument, flags, made) => {
    const { tracer } = tracing(taking, {
      OTEL_TRACES_SAMPLER: sampler,
      ...(argument !== undefined && { OTEL_TRACES_SAMPLER_ARG: argument }),
    });
    const headers = new Headers(
      flags === undefined ? {} : { traceparent: `00-${traceId}-${parentId}-${flags}` },
    );
    expect(tracer.start({ ...call, headers }) !== undefined).toBe(made);
  });

  it("is made for a part of all traces, the same part in all programs", () => {
    const env = { OTEL_TRACES_SAMPLER: "traceidratio", OTEL_TRACES_SAMPLER_ARG: "0.25" };
    const [one, other] = [tracing(taking, env).tracer, tracing(taking, env).tracer];
    let made = 0;
    for (let i = 0; i < 2000; i++) {
      const id = Buffer.from(systemRandom(new Uint8Array(16))).toString("hex");
      const headers = new Headers({ traceparent: `00-${id}-${parentId}-00` });
      const span = one.start({ ...call, headers });
      expect(other.start({ ...call, headers }) === undefined).toBe(span === undefined);
      if (span) made++;
    }
    expect(made).toBeGreaterThan(350);
    expect(made).toBeLessThan(650);
  });
});

describe("the export to the collector", () => {
  it("sends batches of 512 spans, one at a time", async () => {
    const { collector, tracer, metrics } = tracing(taking);
    make(tracer, 1100);
    await tracer.close();
    expect(collector.seen.map((asked) => spansIn([asked]).length)).toEqual([512, 512, 76]);
    expect(counted(metrics)).toEqual({ exported: 1100, dropped: 0, failed: 0 });
    tracer.start(call)!.end(over);
    expect(counted(metrics)).toMatchObject({ dropped: 1 });
  });

  it("sends the waiting spans after the interval", async () => {
    const sent = Promise.withResolvers<Seen>();
    const collector = upstream((asked, connection) => {
      connection.write(reply(200, {}));
      sent.resolve(asked);
    });
    const outbound = createOutbound();
    const exporter = createTraceExport({
      url: new URL(collector.url),
      headers: {},
      resource: [],
      scope: { name: "mcpctl", version: "0" },
      outbound,
      metrics: new Metrics(),
      onChange: () => {},
      every: 10,
    });
    onTestFinished(() => outbound.close());
    exporter.add({ traceId } as Parameters<typeof exporter.add>[0]);
    expect(spansIn([await sent.promise])).toEqual([{ traceId }]);
    await exporter.close();
  });

  it.each([429, 503])("sends a batch once more after %i, and not twice", async (status) => {
    let count = 0;
    const refusing = (times: number): Script => {
      count = 0;
      return (_, connection) =>
        connection.write(reply(count++ < times ? status : 200, {}, { "retry-after": "0" }));
    };
    const once = tracing(refusing(1));
    make(once.tracer, 3);
    await once.tracer.close();
    expect(counted(once.metrics)).toEqual({ exported: 3, dropped: 0, failed: 0 });
    expect(once.collector.seen.length).toBe(2);
    expect(once.collector.seen[1]!.text).toBe(once.collector.seen[0]!.text);
    expect(once.told).toEqual([]);

    const always = tracing(refusing(9));
    make(always.tracer, 3);
    await always.tracer.close();
    expect(counted(always.metrics)).toEqual({ exported: 0, dropped: 0, failed: 3 });
    expect(always.collector.seen.length).toBe(2);
    expect(always.told).toEqual([`the trace collector receives no spans: it responded with ${status}`]);
  });

  it("drops a batch after 500, and logs the failure once and the recovery once", async () => {
    let count = 0;
    const failing: Script = (_, connection) =>
      connection.write(reply(count++ < 2 ? 500 : 200, { error: "canary-answer" }));
    const { collector, tracer, metrics, told } = tracing(failing);
    make(tracer, 512 * 3);
    await tracer.close();
    expect(collector.seen.length).toBe(3);
    expect(counted(metrics)).toEqual({ exported: 512, dropped: 0, failed: 1024 });
    expect(told).toEqual([
      "the trace collector receives no spans: it responded with 500",
      "the trace collector works again",
    ]);
  });

  it("goes on if the collector cannot be reached or cuts the connection", async () => {
    const cut = tracing((_, connection) => connection.reset());
    make(cut.tracer, 1);
    await cut.tracer.close();
    expect(counted(cut.metrics)).toMatchObject({ exported: 0, failed: 1 });
    const nobody = tracing(taking, { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "http://127.0.0.1:9/x" });
    make(nobody.tracer, 1);
    await nobody.tracer.close();
    expect(counted(nobody.metrics)).toMatchObject({ exported: 0, failed: 1 });
    expect(nobody.told).toEqual([
      "the trace collector receives no spans: it cannot be reached: the connection was refused (ECONNREFUSED)",
    ]);
    expect(nobody.collector.seen).toEqual([]);
  });

  it("blocks no call and keeps at most 2,048 spans while the collector is slow, and stops after two seconds", async () => {
    const asked = Promise.withResolvers<void>();
    const { tracer, metrics } = tracing(() => asked.resolve());
    make(tracer, 600);
    await asked.promise;
    const before = performance.now();
    make(tracer, 5000);
    // A bound against hanging: a call that waited for the collector would wait for two seconds.
    expect(performance.now() - before).toBeLessThan(10_000);
    // 600 without the 512 under way, and what fits behind them.
    expect(counted(metrics)).toEqual({ exported: 0, dropped: 5000 - (2048 - 88), failed: 0 });
    const closing = performance.now();
    await tracer.close();
    const took = performance.now() - closing;
    expect(took).toBeGreaterThan(1500);
    expect(took).toBeLessThan(15_000);
    expect(counted(metrics)).toEqual({ exported: 0, dropped: 5600 - 512, failed: 512 });
  });
});

describe("the settings of traces", () => {
  it.each([
    [{}, undefined],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: "" }, undefined],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: "http://c:4318", OTEL_SDK_DISABLED: "true" }, undefined],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: "http://c:4318", OTEL_TRACES_EXPORTER: "none" }, undefined],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: "http://c:4318" }, "http://c:4318/v1/traces"],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: "https://c/otlp/" }, "https://c/otlp/v1/traces"],
    [
      { OTEL_EXPORTER_OTLP_ENDPOINT: "http://c", OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "http://t/in" },
      "http://t/in",
    ],
  ])("with %j send to %s", (env, url) => {
    expect(traceSettings(env)?.url.href).toBe(url);
  });

  it.each<Record<string, string>>([
    { OTEL_EXPORTER_OTLP_ENDPOINT: "canary:4318" },
    { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "file:///canary" },
    { OTEL_EXPORTER_OTLP_ENDPOINT: "http://canary:canary@c:4318" },
    { OTEL_EXPORTER_OTLP_ENDPOINT: "http://c", OTEL_EXPORTER_OTLP_HEADERS: "canary" },
    { OTEL_EXPORTER_OTLP_ENDPOINT: "http://c", OTEL_EXPORTER_OTLP_HEADERS: "a=canary%0d%0ab: c" },
    { OTEL_EXPORTER_OTLP_ENDPOINT: "http://c", OTEL_EXPORTER_OTLP_TRACES_HEADERS: "a b=canary" },
    { OTEL_EXPORTER_OTLP_ENDPOINT: "http://c", OTEL_TRACES_SAMPLER: "canary" },
    {
      OTEL_EXPORTER_OTLP_ENDPOINT: "http://c",
      OTEL_TRACES_SAMPLER: "traceidratio",
      OTEL_TRACES_SAMPLER_ARG: "2",
    },
  ])("with %j are refused with the name of the variable, without its value (T14, T22)", (env) => {
    let message = "";
    expect(() => {
      try {
        traceSettings(env);
      } catch (error) {
        message = (error as Error).message;
        throw error;
      }
    }).toThrow(/OTEL_/);
    expect(message).not.toContain("canary");
  });
});
