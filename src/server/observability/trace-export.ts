import { HttpFailure, type Outbound } from "../../net/outbound.ts";
import type { Metrics, Series } from "./metrics.ts";

/** One finished span, as OTLP/JSON writes it (opentelemetry.io/docs/specs/otlp, proto `Span`). */
export interface SpanData {
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  traceState?: string;
  name: string;
  /** 2 is a server's. */
  kind: 2;
  startTimeUnixNano: string;
  endTimeUnixNano: string;
  attributes: readonly Attribute[];
  events: readonly { timeUnixNano: string; name: string; attributes: readonly Attribute[] }[];
  /** 2 is an error, 0 unset. */
  status: { code: 0 | 2 };
}

export interface Attribute {
  key: string;
  value: { stringValue: string } | { intValue: string } | { doubleValue: number } | { boolValue: boolean };
}

export interface ExportOptions {
  /** Where spans are posted to. */
  url: URL;
  /** For the collector, with lower-case names. */
  headers: Readonly<Record<string, string>>;
  /** Attributes of the server itself. */
  resource: readonly Attribute[];
  /** Name and version of what makes the spans. */
  scope: { name: string; version: string };
  outbound: Outbound;
  metrics: Metrics;
  /** Told when the collector begins to fail and when it is well again. */
  tell(text: string): void;
  /** Milliseconds between batches; 5,000 when not given. */
  every?: number;
}

export interface TraceExport {
  /** Takes a span to send it later. Never waits, never throws: what does not fit is dropped and counted. */
  add(span: SpanData): void;
  /** Sends what is left, for two seconds at most, and takes no more. */
  close(): Promise<void>;
}

const batchSize = 512;
const queueSize = 2048;
const usualInterval = 5000;
const closeMilliseconds = 2000;
/** A collector that asks for more patience than this has lost the batch. */
const longestRetryAfter = 5000;
const timeouts = { connect: 5000, firstByte: 10_000, silence: 10_000 };

/**
 * Sends spans in batches by OTLP/HTTP as JSON: when 512 have come, and every five seconds. One batch is under way at a
 * time; 429 and 503 are tried once more, whatever else goes wrong costs that batch and nothing else.
 */
export function createTraceExport(options: ExportOptions): TraceExport {
  const { url, headers, resource, scope, outbound, metrics, tell, every = usualInterval } = options;
  const became = (outcome: string): Series => metrics.series("mcpctl_trace_spans_total", { outcome });
  const counts = { exported: became("exported"), dropped: became("dropped"), failed: became("failed") };
  const closing = new AbortController();
  let queue: SpanData[] = [];
  let sending: Promise<void> | undefined;
  let closed = false;
  let isWell = true;

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
      if (status < 200 || status > 299) failure = `it answers ${status}`;
    } catch (error) {
      failure = error instanceof HttpFailure ? "it cannot be reached" : "it cannot be used";
    }
    (failure === undefined ? counts.exported : counts.failed).add(spans.length);
    if (isWell === (failure === undefined)) return;
    isWell = failure === undefined;
    tell(isWell ? "the trace collector is well again" : `the trace collector gets no spans: ${failure}`);
  }

  async function post(body: string): Promise<{ status: number; retryAfter: number | undefined }> {
    const answer = await outbound(url, {
      method: "POST",
      headers: { ...headers, "content-type": "application/json" },
      body,
      timeouts,
      signal: closing.signal,
    });
    const { status } = answer;
    const seconds = Number(answer.headers.get("retry-after") ?? Number.NaN);
    // Read to its end, the connection serves the next batch.
    await answer.text(64 * 1024).catch(() => answer.cancel());
    return { status, retryAfter: Number.isNaN(seconds) ? undefined : seconds * 1000 };
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

/** Waits, or not any more when the signal fires. */
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
