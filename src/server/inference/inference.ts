import type { Exchange } from "../../adapters/http1/exchange.ts";
import { translationFor } from "../../adapters/index.ts";
import type { Outbound } from "../../adapters/outbound.ts";
import { passthroughPipe } from "../../adapters/passthrough.ts";
import type { Adapter, Dialect, Translation } from "../../adapters/types.ts";
import { AppError } from "../../errors.ts";
import { dialectWires } from "../../wire/dialects.ts";
import { parseExact } from "../../wire/json.ts";
import type { Principal } from "../access/policy.ts";
import { stillThere } from "../access/principals.ts";
import type { Audit } from "../audit.ts";
import type { Catalogue } from "../catalogue/catalogue.ts";
import type { Deadlines } from "../deadlines.ts";
import type { OpenStreams } from "../open-streams.ts";
import type { SecretValues } from "../secrets/secret-values.ts";
import type { Row } from "../store/types.ts";
import type { CallMetrics } from "./call-metrics.ts";
import { providerFailure, transportFailure } from "./failure.ts";
import { type Provider, providerOf } from "./provider.ts";
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

const streamHeaders = {
  "content-type": "text/event-stream",
  "cache-control": "no-cache, no-transform",
  "x-accel-buffering": "no",
};

export interface InferenceDeps {
  catalogue: Catalogue;
  secrets: SecretValues;
  audit: Audit;
  metrics: CallMetrics;
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

/** What is settled about a call when it is sent. */
interface Settled {
  call: InferenceCall;
  record: CallRecord;
  caller: CallerRequest;
  provider: Provider;
  key: string | undefined;
  /** Undefined where the provider speaks the caller's dialect. */
  translation: Translation | undefined;
  /** How the caller named the model; a translated answer names it so. */
  asked: string;
  stripUsage: boolean;
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
    if (!llm) return { ok: false, message: "the llm is gone" };
    try {
      const { adapter, url } = providerOf(llm);
      const key = await this.#key(llm);
      const answer = await this.#deps.outbound(url(adapter.modelsPath), {
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
    const provider = providerOf(llm);
    const { adapter, timeouts } = provider;
    const model = named ? modelFor(llm, caller.body["model"]) : (llm.spec["model"] as string);
    record.facts.model = model;
    record.facts.streaming = caller.body["stream"] === true && operation !== "embeddings";
    const translation = operation === "embeddings" ? undefined : translationFor(operation, adapter.dialect);
    const { path, text, stripUsage } = providerRequest(caller, operation, adapter, translation, model);
    const key = await this.#key(llm);
    const exchange = await this.#deps.outbound(provider.url(path), {
      method: "POST",
      headers: {
        ...adapter.headers(key),
        ...forwardedHeaders(request.headers, operation, adapter),
        "content-type": "application/json",
      },
      body: text,
      timeouts,
      signal: request.signal,
    });
    await refuseFailure(exchange, adapter, key);
    const asked = (caller.body["model"] as string | undefined) || llm.name;
    const settled = { call, record, caller, provider, key, translation, asked, stripUsage };
    if (operation === "embeddings" || !record.facts.streaming || !isEventStream(exchange))
      return this.#whole(exchange, settled);
    return this.#stream(exchange, operation, settled);
  }

  /** An unstreamed answer: committed to the log, then sent. */
  async #whole(exchange: Exchange, { record, provider, translation, asked }: Settled): Promise<Response> {
    const bytes = await exchange.bytes(maxAnswerBytes);
    const body = parseAnswer(bytes.toString("utf8"), translation !== undefined);
    // An SDK would take JSON for a stream without a single frame.
    if (record.facts.streaming)
      throw new AppError("provider_error", "the provider did not answer with a stream");
    const translated = translation?.response(body, asked);
    await record.close(200, dialectWires[provider.adapter.dialect].usage(body));
    if (translated) return Response.json(translated);
    return new Response(bytes as Uint8Array<ArrayBuffer>, {
      headers: { "content-type": "application/json" },
    });
  }

  #stream(exchange: Exchange, dialect: Dialect, settled: Settled): Response {
    const { call, record, caller, provider, key, translation, asked, stripUsage } = settled;
    const body = streamBody({
      exchange,
      pipe: translation?.stream(asked, caller.body) ?? passthroughPipe(dialect, { stripUsage }),
      wire: dialectWires[dialect],
      record,
      requestId: call.requestId,
      key,
      deadlines: this.#deps.deadlines,
      patience: provider.timeouts.silence,
      guard: (end) => this.#deps.streams.add(call.principal, () => end(this.#reasonToEnd(call.principal))),
    });
    return new Response(body, { headers: streamHeaders });
  }

  /** Why a stream is ended that neither side wanted to end. */
  #reasonToEnd(principal: Principal): AppError {
    const { catalogue, now } = this.#deps;
    return stillThere(catalogue.snapshot, principal, now())
      ? new AppError("unavailable", "the server is shutting down")
      : new AppError("unauthenticated", "the bearer is no longer valid");
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
  const text = isCompressed(exchange) ? "" : await exchange.text(maxErrorBytes).catch(() => "");
  exchange.cancel();
  const fault = adapter.readError(status, text);
  throw providerFailure(status, fault, key, exchange.headers.get("retry-after"));
}

/** Whether an answer comes as events. Throws AppError where they cannot be read. */
function isEventStream(exchange: Exchange): boolean {
  const type = exchange.headers.get("content-type")?.toLowerCase();
  if (!type?.startsWith("text/event-stream")) return false;
  if (!isCompressed(exchange)) return true;
  exchange.cancel();
  throw new AppError("provider_error", "the provider's answer is compressed, which nobody asked for");
}

function isCompressed({ headers }: Exchange): boolean {
  return (headers.get("content-encoding") || "identity").toLowerCase() !== "identity";
}

/** What is translated keeps the digits of long integers; what is only looked at for its usage need not. */
function parseAnswer(text: string, exact: boolean): unknown {
  try {
    return exact ? parseExact(text) : JSON.parse(text);
  } catch (error) {
    throw new AppError("provider_error", "the provider's answer is not JSON", {
      cause: (error as Error).name,
    });
  }
}
