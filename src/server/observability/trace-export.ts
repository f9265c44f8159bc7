import { HttpFailure, type Outbound } from "../../net/outbound.ts";
import { reasonText } from "../../system-errors.ts";
import { retryAfterIn } from "../../time.ts";
import type { Metrics, Series } from "./metrics.ts";

/** One finished span in OTLP/JSON (opentelemetry.io/docs/specs/otlp, proto `Span`). */
export interface SpanData {
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  traceState?: string;
  name: string;
  /** 2: a span of a server. */
  kind: 2;
  startTimeUnixNano: string;
  endTimeUnixNano: string;
  attributes: readonly Attribute[];
  events: readonly { timeUnixNano: string; name: string; attributes: readonly Attribute[] }[];
  /** 2: an error; 0: not set. */
  status: { code: 0 | 2 };
}

export interface Attribute {
  key: string;
  value: { stringValue: string } | { intValue: string } | { doubleValue: number } | { boolValue: boolean };
}

export interface ExportOptions {
  /** The URL of the collector. */
  url: URL;
  /** Headers for the collector, with lower-case names. */
  headers: Readonly<Record<string, string>>;
  /** Attributes of the server. */
  resource: readonly Attribute[];
  /** Name and version of the program that makes the spans. */
  scope: { name: string; version: string };
  outbound: Outbound;
  metrics: Metrics;
  /** Gets a message when the collector begins to fail, and when it works again. */
  onChange(message: string): void;
  /** Milliseconds between two batches; 5,000 if not given. */
  every?: number;
}

export interface TraceExport {
  /** Adds a span to the queue. Never waits and never throws: where the queue is full, the span is dropped and counted. */
  add(span: SpanData): void;
  /** Takes no more spans, and sends the queue for two seconds at most. */
  close(): Promise<void>;
}

const batchSize = 512;
const queueSize = 2048;
const usualInterval = 5000;
const closeMilliseconds = 2000;
/** The longest `retry-after` of a collector that is waited for, in milliseconds. */
const longestRetryAfter = 5000;
const timeouts = { connect: 5000, firstByte: 10_000, silence: 10_000 };

/**
 * Sends spans by OTLP/HTTP as JSON, in batches of 512 or every five seconds, one batch at a time. After 429 and 503, a
 * batch is sent once more. After any other failure it is lost.
 */
export function createTraceExport(options: ExportOptions): TraceExport {
  const { url, headers, resource, scope, outbound, metrics, onChange, every = usualInterval } = options;
  const counter = (outcome: string): Series => metrics.series("mcpctl_trace_spans_total", { outcome });
  const counts = { exported: counter("exported"), dropped: counter("dropped"), failed: counter("failed") };
  const closing = new AbortController();
  let queue: SpanData[] = [];
  let sending: Promise<void> | undefined;
  let closed = false;
  let isHealthy = true;

  const timer = setInterval(() => void flush(), every);
  timer.unref();

  async function send(spans: readonly SpanData[]): Promise<void> {
    const body = JSON.stringify({
      resourceSpans: [{ resource: { attributes: resource }, scopeSpans: [{ scope, spans }] }],
    });
    let failure: string | undefined;
    try {
      let { status, retryAfter } = await post(body);
      if (status === 429 || status === 503) {
        await pause(Math.min(retryAfter ?? 1000, longestRetryAfter), closing.signal);
        ({ status } = await post(body));
      }
      if (status < 200 || status > 299) failure = `it responded with ${status}`;
    } catch (error) {
      failure =
        error instanceof HttpFailure
          ? `it cannot be reached: ${reasonText(error, error.message)}`
          : "it cannot be used";
    }
    (failure === undefined ? counts.exported : counts.failed).add(spans.length);
    if (isHealthy === (failure === undefined)) return;
    isHealthy = failure === undefined;
    onChange(
      isHealthy ? "the trace collector works again" : `the trace collector receives no spans: ${failure}`,
    );
  }

  async function post(body: string): Promise<{ status: number; retryAfter: number | undefined }> {
    const response = await outbound(url, {
      method: "POST",
      headers: { ...headers, "content-type": "application/json" },
      body,
      timeouts,
      signal: closing.signal,
    });
    const { status } = response;
    const seconds = retryAfterIn(response.headers.get("retry-after"));
    // After a body that was read to its end, the connection serves the next batch.
    await response.text(64 * 1024).catch(() => response.cancel());
    return { status, retryAfter: seconds === undefined ? undefined : seconds * 1000 };
  }

  async function drain(): Promise<void> {
    while (queue.length > 0 && !closing.signal.aborted) {
      const batch = queue.slice(0, batchSize);
      queue = queue.slice(batchSize);
      await send(batch);
    }
    sending = undefined;
  }

  function flush(): Promise<void> {
    if (queue.length > 0) sending ??= drain();
    return sending ?? Promise.resolve();
  }

  return {
    add(span) {
      if (closed || queue.length >= queueSize) return counts.dropped.add();
      queue.push(span);
      if (queue.length >= batchSize) void flush();
    },
    async close() {
      closed = true;
      clearInterval(timer);
      const late = setTimeout(() => closing.abort(), closeMilliseconds);
      await flush();
      clearTimeout(late);
      counts.dropped.add(queue.length);
      queue = [];
    },
  };
}

/** Resolves after some milliseconds, or at once when the signal aborts. */
function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener(
      "abort",
      () => {
        clearTimeout(timer);
        resolve();
      },
      { once: true },
    );
  });
}
