import type { Exchange } from "../../adapters/http1/exchange.ts";
import { adapterFor, translationFor } from "../../adapters/index.ts";
import type { Outbound, OutboundTimeouts } from "../../adapters/outbound.ts";
import { passthroughPipe } from "../../adapters/passthrough.ts";
import { providerUrl } from "../../adapters/provider-url.ts";
import type { Adapter, Dialect } from "../../adapters/types.ts";
import { AppError } from "../../errors.ts";
import { dialectWires } from "../../wire/dialects.ts";
import type { Principal } from "../access/policy.ts";
import type { Audit } from "../audit.ts";
import type { Catalogue } from "../catalogue/catalogue.ts";
import type { Deadlines } from "../deadlines.ts";
import type { Metrics } from "../metrics.ts";
import type { OpenStreams } from "../open-streams.ts";
import type { SecretValues } from "../secret-values.ts";
import type { Row } from "../store/types.ts";
import { providerFailure, transportFailure } from "./failure.ts";
import { CallRecord } from "./record.ts";
import {
  type CallerRequest,
  forwardedHeaders,
  modelFor,
  type Operation,
  providerRequest,
  requestedModel,
} from "./request.ts";
import { resolve } from "./resolve.ts";
import { streamBody } from "./stream.ts";

const maxAnswerBytes = 64 * 1024 * 1024;
const maxErrorBytes = 64 * 1024;
const probeMilliseconds = 2000;

/** Milliseconds; an llm's `extraConfig.timeouts` overrides them, in seconds. */
const defaultTimeouts: OutboundTimeouts = { connect: 10_000, firstByte: 300_000, silence: 300_000 };

const streamHeaders = {
  "content-type": "text/event-stream",
  "cache-control": "no-cache, no-transform",
  "x-accel-buffering": "no",
};

export interface InferenceDeps {
  catalogue: Catalogue;
  secrets: SecretValues;
  audit: Audit;
  metrics: Metrics;
  streams: OpenStreams;
  deadlines: Deadlines;
  outbound: Outbound;
  now(): number;
}

/** One call of a model. */
export interface InferenceCall {
  operation: Operation;
  principal: Principal;
  requestId: string;
  request: Request;
  /** The llm, where the path names it; else the body's `model` does, or a pool. */
  name?: string;
  /** Reads the body. Throws AppError. */
  read(): Promise<CallerRequest>;
}

/** What is settled about a call before it is sent. */
interface Target {
  llm: Row;
  adapter: Adapter;
  caller: CallerRequest;
  key: string | undefined;
  timeouts: OutboundTimeouts;
}

/** Calls of models: found, allowed, sent, passed back, and in the books. */
export class Inference {
  readonly #deps: InferenceDeps;

  constructor(deps: InferenceDeps) {
    this.#deps = deps;
  }

  /** Answers a call. Throws AppError, after the call's audit event is committed. */
  async call(call: InferenceCall): Promise<Response> {
    const facts = {
      requestId: call.requestId,
      principal: call.principal,
      dialect: call.operation,
      streaming: false,
    };
    const record = new CallRecord(facts, this.#deps.audit, this.#deps.metrics, this.#deps.now);
    try {
      return await this.#answer(call, record);
    } catch (thrown) {
      const error = transportFailure(thrown);
      // Told even when the log cannot take it: a failure is not an answer.
      await record.close(error.status, undefined, error).catch(() => {});
      throw error;
    }
  }

  /** Asks an llm's provider for its models, to see whether url and key are right. Never throws. */
  async probe(llmId: string): Promise<{ ok: boolean; message: string }> {
    const llm = this.#deps.catalogue.snapshot.byId.get(llmId);
    const adapter = llm && adapterFor(llm.spec["type"] as string);
    if (!adapter) return { ok: false, message: "the llm is gone" };
    try {
      const key = await this.#key(llm);
      const answer = await this.#deps.outbound(providerUrl(baseUrl(llm, adapter), adapter.modelsPath), {
        method: "GET",
        headers: adapter.headers(key),
        timeouts: { connect: probeMilliseconds, firstByte: probeMilliseconds, silence: probeMilliseconds },
        signal: AbortSignal.timeout(probeMilliseconds),
      });
      await refuseFailure(answer, adapter, key);
      answer.cancel();
      return { ok: true, message: "the provider answers" };
    } catch (thrown) {
      const error = transportFailure(thrown);
      const late = error.code === "client_closed_request" || error.code === "provider_timeout";
      return { ok: false, message: late ? "the provider did not answer within 2 s" : error.message };
    }
  }

  async #answer(call: InferenceCall, record: CallRecord): Promise<Response> {
    const { operation, request } = call;
    const named = call.name === undefined ? undefined : this.#resolve(call, record, call.name);
    const caller = await call.read();
    const llm = named ?? this.#resolve(call, record, requestedModel(caller.body));
    const adapter = adapterFor(llm.spec["type"] as string);
    if (!adapter)
      throw new AppError(
        "not_supported",
        `llms of type ${llm.spec["type"]} cannot be called by this version`,
      );
    const model = named ? modelFor(llm, caller.body["model"]) : (llm.spec["model"] as string);
    record.facts.model = model;
    record.facts.streaming = caller.body["stream"] === true && operation !== "embeddings";
    const { path, text, stripUsage } = providerRequest(caller, operation, adapter, model);
    const target = { llm, adapter, caller, key: await this.#key(llm), timeouts: timeoutsOf(llm) };
    const exchange = await this.#deps.outbound(providerUrl(baseUrl(llm, adapter), path), {
      method: "POST",
      headers: {
        ...adapter.headers(target.key),
        ...forwardedHeaders(request.headers, operation, adapter),
        "content-type": "application/json",
      },
      body: text,
      timeouts: target.timeouts,
      signal: request.signal,
    });
    await refuseFailure(exchange, adapter, target.key);
    const streams =
      record.facts.streaming && exchange.headers.get("content-type")?.startsWith("text/event-stream");
    if (operation === "embeddings" || !streams) return this.#whole(operation, exchange, target, record);
    return this.#stream(call, operation, exchange, target, record, stripUsage);
  }

  /** An unstreamed answer: committed to the log, then sent. */
  async #whole(
    operation: Operation,
    exchange: Exchange,
    { adapter, caller, llm }: Target,
    record: CallRecord,
  ): Promise<Response> {
    const bytes = await exchange.bytes(maxAnswerBytes);
    let body: unknown;
    try {
      body = JSON.parse(bytes.toString("utf8"));
    } catch (cause) {
      throw new AppError("provider_error", "the provider's answer is not JSON", {
        cause: (cause as Error).name,
      });
    }
    const translation = operation === "embeddings" ? undefined : translationFor(operation, adapter.dialect);
    const translated = translation?.response(body, askedFor(caller, llm));
    await record.close(200, dialectWires[adapter.dialect].usage(body));
    if (translated) return Response.json(translated);
    return new Response(bytes as Uint8Array<ArrayBuffer>, {
      headers: { "content-type": "application/json" },
    });
  }

  #stream(
    call: InferenceCall,
    dialect: Dialect,
    exchange: Exchange,
    target: Target,
    record: CallRecord,
    stripUsage: boolean,
  ): Response {
    const { adapter, caller, llm, key, timeouts } = target;
    const translation = translationFor(dialect, adapter.dialect);
    const body = streamBody({
      exchange,
      pipe:
        translation?.stream(askedFor(caller, llm), caller.body) ?? passthroughPipe(dialect, { stripUsage }),
      wire: dialectWires[dialect],
      record,
      requestId: call.requestId,
      key,
      deadlines: this.#deps.deadlines,
      patience: timeouts.silence,
      guard: (end) =>
        this.#deps.streams.add(call.principal, () =>
          end(new AppError("unauthenticated", "the bearer is no longer valid")),
        ),
    });
    return new Response(body, { headers: streamHeaders });
  }

  #resolve({ principal }: InferenceCall, record: CallRecord, name: string): Row {
    const llm = resolve(this.#deps.catalogue.snapshot, principal, name, Math.random);
    record.facts.llm = llm;
    if (llm.name !== name) record.facts.pool = name;
    return llm;
  }

  async #key(llm: Row): Promise<string | undefined> {
    const ref = llm.spec["apiKeyRef"] as { name: string; key: string } | null;
    return ref ? this.#deps.secrets.value(ref.name, ref.key) : undefined;
  }
}

/** Throws AppError unless the provider answered with a success. */
async function refuseFailure(exchange: Exchange, adapter: Adapter, key: string | undefined): Promise<void> {
  const { status } = exchange;
  if (status >= 200 && status < 300) return;
  const text = await exchange.text(maxErrorBytes).catch(() => "");
  const fault = adapter.readError(status, text);
  throw providerFailure(status, fault, key, exchange.headers.get("retry-after"));
}

function baseUrl(llm: Row, adapter: Adapter): string {
  return (llm.spec["url"] as string) || adapter.defaultUrls[llm.spec["type"] as string]!;
}

function timeoutsOf(llm: Row): OutboundTimeouts {
  const { timeouts } = llm.spec["extraConfig"] as { timeouts?: Partial<OutboundTimeouts> };
  if (!timeouts) return defaultTimeouts;
  const milliseconds = Object.entries(timeouts).map(([name, seconds]) => [name, seconds * 1000]);
  return { ...defaultTimeouts, ...Object.fromEntries(milliseconds) };
}

/** How a translated answer names the model: as the caller did. */
function askedFor({ body }: CallerRequest, llm: Row): string {
  return (body["model"] as string | undefined) || llm.name;
}
