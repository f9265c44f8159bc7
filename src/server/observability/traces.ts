import { type Operation, operations } from "../../wire/dialects/operations.ts";
import type { Usage } from "../../wire/dialects/usage.ts";
import type { Random } from "../core/ids.ts";
import type { LlmRow } from "../core/store/typed-rows.ts";
import type { Attribute, SpanData, TraceExport } from "./trace-export.ts";
import type { Sampler } from "./trace-settings.ts";

/** What is known of a call when it comes. */
export interface CallStart {
  requestId: string;
  dialect: Operation;
  /** The caller's, where its `traceparent` is. */
  headers: Headers;
}

/** What is known of a call when it is over. Never what was said in it. */
export interface CallEnd {
  /** HTTP status of the answer. */
  status: number;
  llm?: LlmRow | undefined;
  /** The name that was asked for, when it was a pool's. */
  pool?: string | undefined;
  /** The provider's model name. */
  model?: string | undefined;
  streaming: boolean;
  usage?: Usage | undefined;
  /** Code of the error it ended in. */
  error?: string | undefined;
}

/** One call that is traced. */
export interface Span {
  /** What the provider is to be sent: `traceparent`, and `tracestate` where the caller had one. */
  readonly headers: Readonly<Record<string, string>>;
  /** The first byte of a stream has gone to the caller. */
  firstByte(): void;
  /** The call is over; the second time nothing. */
  end(call: CallEnd): void;
}

export interface Tracer {
  /** Begins the span of a call; undefined when it is not traced, which costs a look at one header. */
  start(call: CallStart): Span | undefined;
  /** Sends what is left, for two seconds at most. */
  close(): Promise<void>;
}

export interface TracerOptions {
  sampler: Sampler;
  exporter: TraceExport;
  random: Random;
  /** Milliseconds since 1970. */
  now(): number;
  /** A clock that nobody sets, in milliseconds. */
  elapsed(): number;
}

/** Spans of calls, by the OpenTelemetry GenAI conventions (opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-spans). */
export function createTracer({ sampler, exporter, random, now, elapsed }: TracerOptions): Tracer {
  const hex = (bytes: number) => Buffer.from(random(new Uint8Array(bytes))).toString("hex");
  return {
    start({ requestId, dialect, headers }) {
      const parent = parentOf(headers.get("traceparent"));
      const traceId = parent?.traceId ?? hex(16);
      const sampled = parent && sampler.followsParent ? parent.sampled : isSampled(traceId, sampler.ratio);
      if (!sampled) return undefined;
      const spanId = hex(8);
      // What is longer need not be passed on (w3.org/TR/trace-context), and without its parent it means nothing.
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
          const asked = call.pool ?? call.llm?.name;
          exporter.add({
            traceId,
            spanId,
            ...(parent && { parentSpanId: parent.spanId }),
            ...(state && { traceState: state }),
            name: asked === undefined ? operation : `${operation} ${asked}`,
            kind: 2,
            startTimeUnixNano: nanoseconds(startedAt),
            endTimeUnixNano: nanoseconds(startedAt + elapsed() - began),
            attributes: attributesOf(operation, dialect, requestId, call),
            events: firstByte === undefined ? [] : [firstToken(startedAt, firstByte)],
            // What the caller did wrong is no error of a server (semconv/http/http-spans).
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

/** What a `traceparent` says (w3.org/TR/trace-context); undefined when it is none that is valid. */
function parentOf(header: string | null): Parent | undefined {
  const [, version, traceId = "", spanId = "", flags = "", rest = ""] =
    /^([\da-f]{2})-([\da-f]{32})-([\da-f]{16})-([\da-f]{2})(-.*)?$/.exec(header ?? "") ?? [];
  if (version === undefined || version === "ff" || (version === "00" && rest !== "")) return undefined;
  if (/^0+$/.test(traceId) || /^0+$/.test(spanId)) return undefined;
  return { traceId, spanId, sampled: (Number.parseInt(flags, 16) & 1) === 1 };
}

/** The same for all who see the same trace: by the end of its id, which is random. */
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

/** An attribute as OTLP writes it. */
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

/** Milliseconds since 1970, as text of nanoseconds: a number has not enough digits. */
function nanoseconds(milliseconds: number): string {
  const whole = Math.floor(milliseconds);
  const rest = Math.floor((milliseconds - whole) * 1e6);
  return `${whole}${String(rest).padStart(6, "0")}`;
}
