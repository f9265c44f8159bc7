import { onTestFinished } from "vitest";
import { AppError } from "../../../../src/errors.ts";
import { createOutbound } from "../../../../src/net/outbound.ts";
import { principalOf } from "../../../../src/server/core/access/principals.ts";
import { BodyBudget } from "../../../../src/server/core/body-budget.ts";
import { Catalogue } from "../../../../src/server/core/catalogue/catalogue.ts";
import { Deadlines } from "../../../../src/server/core/deadlines.ts";
import { OpenStreams } from "../../../../src/server/core/open-streams.ts";
import { openStore } from "../../../../src/server/core/store/index.ts";
import { CallMetrics } from "../../../../src/server/inference/call-metrics.ts";
import { Inference } from "../../../../src/server/inference/inference.ts";
import { Limiter } from "../../../../src/server/inference/limits/limiter.ts";
import { Audit } from "../../../../src/server/observability/audit.ts";
import { Metrics } from "../../../../src/server/observability/metrics.ts";
import type { SecretValues } from "../../../../src/server/secrets/secret-values.ts";
import type { VirtualLlms } from "../../../../src/server/workstations/virtual-llms.ts";
import { parseCall } from "../../../../src/wire/parse-call.ts";
import { must, prepareDatabase, type TestServer, testServer } from "../../../support/server.ts";
import { type Script, type Upstream, upstream } from "../../../support/upstream.ts";

/** The response to a call. */
export interface CallResult {
  status: number;
  text: string;
  retryAfter?: number | undefined;
}

export interface Pool {
  server: TestServer;
  /** By llm. */
  members: Record<string, Upstream>;
  /** Advances only when the test sets it, and by the waits between two attempts. */
  clock: { now: number };
  /** The waits between attempts, in order. Milliseconds. */
  waits: number[];
  metrics: Metrics;
  /** Calls a model, by default the pool. */
  ask(more?: object, name?: string): Promise<CallResult>;
  /** The same with the text of the body. */
  askText(text: string, name?: string): Promise<CallResult>;
  /** The number of calls to each llm. */
  callCounts(): Record<string, number>;
  /** Loads changes of the catalogue. */
  refresh(): Promise<void>;
  /** Turns an llm into a virtual one with a status. */
  publish(name: string, status: string): Promise<void>;
  /** Begins a streaming call of the pool, without reading the response. */
  open(signal?: AbortSignal): Promise<Response>;
}

export interface PoolOptions {
  /** Fields of all members. */
  llm?: object;
  /** The grants of the caller. Default: run on all llms. */
  grants?: object[];
  /** Random numbers for order and waits. Default: members in the order of their names, half waits. */
  random?: () => number;
  /** Sends calls to virtual llms. */
  virtualLlms?: VirtualLlms;
}

/** Llms in one pool, each at a scripted provider, and a caller with a token. The test controls the clock. */
export async function pool(scripts: Record<string, Script>, options: PoolOptions = {}): Promise<Pool> {
  const store = await openStore({ path: await prepareDatabase(), now: Date.now });
  const server = await testServer({ store });
  const members: Record<string, Upstream> = {};
  for (const [name, script] of Object.entries(scripts)) {
    members[name] = upstream(script);
    const llm = { name, type: "openai", model: `model-of-${name}`, url: members[name].url, poolName: "pool" };
    await must(server.admin("POST", "/api/v1/llms?probe=false", { ...llm, ...options.llm }));
  }
  const { bearer } = await server.token("t", options.grants ?? [{ role: "run", resource: "llms" }]);
  const catalogue = await Catalogue.open(store, () => {});
  const streams = new OpenStreams(catalogue, Date.now);
  const outbound = createOutbound();
  onTestFinished(() => {
    streams.close();
    outbound.close();
    catalogue.close();
  });
  const clock = { now: 0 };
  const waits: number[] = [];
  const metrics = new Metrics();
  const inference = new Inference({
    catalogue,
    secrets: {} as SecretValues,
    audit: new Audit(store),
    limits: new Limiter(catalogue, Date.now, () => clock.now),
    metrics: new CallMetrics(metrics),
    streams,
    deadlines: new Deadlines(() => clock.now),
    answers: new BodyBudget(new Deadlines(() => clock.now)),
    outbound,
    ...(options.virtualLlms && { virtualLlms: options.virtualLlms }),
    now: Date.now,
    pace: {
      elapsed: () => clock.now,
      random: options.random ?? (() => 0.5),
      async wait(milliseconds) {
        waits.push(milliseconds);
        clock.now += milliseconds;
      },
    },
  });
  const principal = principalOf(catalogue.snapshot, bearer, Date.now())!;
  let calls = 0;
  const question = { model: "pool", messages: [{ role: "user", content: "hi" }] };
  const call = (text: string, signal?: AbortSignal, name?: string): Promise<Response> =>
    inference.call({
      operation: "chat",
      principal,
      requestId: `req_${++calls}`,
      httpRequest: new Request("http://localhost/", signal && { signal }),
      onLastBytes() {},
      read: async () => parseCall(text, "chat"),
      ...(name !== undefined && { name }),
    });
  const askText = async (text: string, name?: string): Promise<CallResult> => {
    try {
      const answer = await call(text, undefined, name);
      return { status: answer.status, text: await answer.text() };
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      return { status: error.status, text: error.message, retryAfter: error.retryAfter };
    }
  };
  return {
    server,
    members,
    clock,
    waits,
    metrics,
    askText,
    ask: (more = {}, name) => askText(JSON.stringify({ ...question, ...more }), name),
    callCounts: () =>
      Object.fromEntries(Object.entries(members).map(([name, { seen }]) => [name, seen.length])),
    refresh: () => catalogue.refresh(),
    open: (signal) => call(JSON.stringify({ ...question, stream: true }), signal),
    async publish(name, status) {
      await catalogue.refresh();
      const { snapshot } = catalogue;
      const before = snapshot.named("llm", name)!;
      const row = { ...before, status: { origin: "virtual", status }, version: before.version + 1 };
      await catalogue.commit([{ op: "update", row, refs: snapshot.refsOf(before.id) }]);
    },
  };
}

/** A provider that fails a number of times, and then follows another script. */
export function failing(times: number, fail: Script, then: Script): Script {
  let calls = 0;
  return (request, connection) => (calls++ < times ? fail(request, connection) : then(request, connection));
}
