import { type Operation, operations } from "../../wire/dialects/operations.ts";
import type { Usage } from "../../wire/dialects/usage.ts";
import type { Random } from "../core/ids.ts";
import type { LlmRow } from "../core/store/typed-rows.ts";
import type { Attribute, SpanData, TraceExport } from "./trace-export.ts";
import type { Sampler } from "./trace-settings.ts";

/** A call at its start. */
export interface CallStart {
  requestId: string;
  dialect: Operation;
  /** The headers of the request, which may have a `traceparent`. */
  headers: Pick<Headers, "get">;
}

/** A call at its end, without the content of its messages. */
export interface CallEnd {
  /** HTTP status of the response. */
  status: number;
  llm?: LlmRow | undefined;
  /** The name of the pool, if the request named one. */
  pool?: string | undefined;
  /** The provider's model name. */
  model?: string | undefined;
  streaming: boolean;
  usage?: Usage | undefined;
  /** Code of the error that the call ended in. */
  error?: string | undefined;
}

/** The span of one call. */
export interface Span {
  /** Headers for the provider: `traceparent`, and the `tracestate` of the caller, if any. */
  readonly headers: Readonly<Record<string, string>>;
  /** To be called when the first byte of a stream is sent to the caller. */
  firstByte(): void;
  /** Ends the span. The second time nothing happens. */
  end(call: CallEnd): void;
}

export interface Tracer {
  /** Begins the span of a call. Returns undefined if the call is not traced, after a look at one header. */
  start(call: CallStart): Span | undefined;
  /** Sends the remaining spans, for two seconds at most. */
  close(): Promise<void>;
}

export interface TracerOptions {
  sampler: Sampler;
  exporter: TraceExport;
  random: Random;
  /** Milliseconds since 1970. */
  now(): number;
  /** A monotonic clock, in milliseconds. */
  elapsed(): number;
}

/**
 * Creates a tracer of calls by the OpenTelemetry GenAI conventions
 * (opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-spans).
 */
export function createTracer({ sampler, exporter, random, now, elapsed }: TracerOptions): Tracer {
  const hex = (bytes: number) => Buffer.from(random(new Uint8Array(bytes))).toString("hex");
  return {
    start({ requestId, dialect, headers }) {
      const parent = parentOf(headers.get("traceparent"));
      const traceId = parent?.traceId ?? hex(16);
      const sampled = parent && sampler.followsParent ? parent.sampled : isSampled(traceId, sampler.ratio);
      if (!sampled) return undefined;
      const spanId = hex(8);
      // A longer state need not be passed on (w3.org/TR/trace-context), and without its parent it means nothing.
      const given = parent && headers.get("tracestate");
      const state = given && given.length <= 512 ? given : undefined;
      const startedAt = now();
      const began = elapsed();
      let firstByte: number | undefined;
      let over = false;
      return {
        headers: { traceparent: `00-${traceId}-${spanId}-01`, ...(state && { tracestate: state }) },
        firstByte() {
          firstByte ??= elapsed() - began;
        },
        end(call) {
          if (over) return;
          over = true;
          const operation = operations[dialect].telemetryName;
          const target = call.pool ?? call.llm?.name;
          exporter.add({
            traceId,
            spanId,
            ...(parent && { parentSpanId: parent.spanId }),
            ...(state && { traceState: state }),
            name: target === undefined ? operation : `${operation} ${target}`,
            kind: 2,
            startTimeUnixNano: nanoseconds(startedAt),
            endTimeUnixNano: nanoseconds(startedAt + elapsed() - began),
            attributes: attributesOf(operation, dialect, requestId, call),
            events: firstByte === undefined ? [] : [firstToken(startedAt, firstByte)],
            // Errors of the caller are no errors of a server span (semconv/http/http-spans).
            status: { code: call.status >= 500 ? 2 : 0 },
          });
        },
      };
    },
    close: () => exporter.close(),
  };
}

interface Parent {
  traceId: string;
  spanId: string;
  sampled: boolean;
}

/** Parses a `traceparent` (w3.org/TR/trace-context). Returns undefined if it is missing or not valid. */
function parentOf(header: string | null): Parent | undefined {
  const [, version, traceId = "", spanId = "", flags = "", rest = ""] =
    /^([\da-f]{2})-([\da-f]{32})-([\da-f]{16})-([\da-f]{2})(-.*)?$/.exec(header ?? "") ?? [];
  if (version === undefined || version === "ff" || (version === "00" && rest !== "")) return undefined;
  if (/^0+$/.test(traceId) || /^0+$/.test(spanId)) return undefined;
  return { traceId, spanId, sampled: (Number.parseInt(flags, 16) & 1) === 1 };
}

/** Decides by the end of the trace's id, which is random, so that all programs decide the same for one trace. */
function isSampled(traceId: string, ratio: number): boolean {
  return Number.parseInt(traceId.slice(-13), 16) < ratio * 2 ** 52;
}

function attributesOf(operation: string, dialect: string, requestId: string, call: CallEnd): Attribute[] {
  const { llm, pool, model, usage, error, status, streaming } = call;
  const values: Record<string, string | number | boolean | undefined> = {
    "gen_ai.operation.name": operation,
    "gen_ai.provider.name": llm?.spec.type,
    "gen_ai.request.model": model,
    "gen_ai.usage.input_tokens": usage?.promptTokens || undefined,
    "gen_ai.usage.output_tokens": usage?.completionTokens || undefined,
    "gen_ai.usage.cache_read.input_tokens": usage?.cachedTokens || undefined,
    "error.type": error,
    "http.response.status_code": status,
    "mcpctl.llm": llm?.name,
    "mcpctl.pool": pool,
    "mcpctl.dialect": dialect,
    "mcpctl.streaming": streaming,
    "mcpctl.request_id": requestId,
  };
  return Object.entries(values).flatMap(([key, value]) =>
    value === undefined ? [] : [attribute(key, value)],
  );
}

/** Returns an attribute in OTLP/JSON. */
export function attribute(key: string, value: string | number | boolean): Attribute {
  if (typeof value === "string") return { key, value: { stringValue: value } };
  if (typeof value === "boolean") return { key, value: { boolValue: value } };
  return { key, value: Number.isInteger(value) ? { intValue: String(value) } : { doubleValue: value } };
}

function firstToken(startedAt: number, milliseconds: number): SpanData["events"][number] {
  return {
    timeUnixNano: nanoseconds(startedAt + milliseconds),
    name: "first_token",
    attributes: [attribute("gen_ai.server.time_to_first_token", milliseconds / 1000)],
  };
}

/** Returns milliseconds since 1970 as nanoseconds, in text: a number does not have enough digits. */
function nanoseconds(milliseconds: number): string {
  const whole = Math.floor(milliseconds);
  const rest = Math.floor((milliseconds - whole) * 1e6);
  return `${whole}${String(rest).padStart(6, "0")}`;
}
