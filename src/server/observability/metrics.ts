import type { GaugeReader, Gauges, Labels } from "../core/gauges.ts";

/**
 * Buckets in seconds and tokens, as the OpenTelemetry GenAI conventions recommend
 * (opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-metrics). Those for the first token end at ten seconds there; a
 * model on a workstation may take longer.
 */
const secondsBuckets = [
  0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92,
];
const firstTokenBuckets = [
  0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40, 80,
];
const perTokenBuckets = [0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5];
const delayBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10];
const tokenBuckets = [1, 4, 16, 64, 256, 1024, 4096, 16_384, 65_536, 262_144, 1_048_576];

/** Counters and histograms: those of the OpenTelemetry GenAI conventions, and the server's own. */
const metrics = {
  mcpctl_http_requests_total: { help: "Responses by method, route and status" },
  gen_ai_client_token_usage: { help: "Tokens per call", buckets: tokenBuckets },
  gen_ai_server_request_duration_seconds: {
    help: "Time from the request to the last byte",
    buckets: secondsBuckets,
  },
  gen_ai_server_time_to_first_token_seconds: {
    help: "Time from the request to the first byte of a stream",
    buckets: firstTokenBuckets,
  },
  gen_ai_server_time_per_output_token_seconds: {
    help: "Time per token of a stream after the first",
    buckets: perTokenBuckets,
  },
  mcpctl_event_loop_delay_seconds: {
    help: "Time by which the event loop is late, measured 100 times a second",
    buckets: delayBuckets,
  },
  mcpctl_call_retries_total: { help: "Attempts of calls after a failed one" },
  mcpctl_mcp_calls_total: { help: "Calls of MCP servers by server, tool and status" },
  mcpctl_mcp_call_duration_seconds: { help: "Time of a call of an MCP server", buckets: secondsBuckets },
  mcpctl_trace_spans_total: { help: "Spans by outcome: exported, dropped or failed" },
} as const satisfies Record<string, { help: string; buckets?: readonly number[] }>;

type Name = keyof typeof metrics;

/** One counter or histogram with fixed labels. */
export class Series {
  readonly #buckets: readonly number[];
  readonly #counts: number[];
  #sum = 0;
  #count = 0;

  constructor(buckets: readonly number[] = []) {
    this.#buckets = buckets;
    this.#counts = buckets.map(() => 0);
  }

  /** Adds a value: 1 for a counter, the measured value for a histogram. */
  add(value = 1): void {
    this.#sum += value;
    this.#count++;
    for (let i = 0; i < this.#buckets.length; i++) {
      if (value > this.#buckets[i]!) continue;
      this.#counts[i]!++;
      return;
    }
  }

  get state(): SeriesState {
    return { sum: this.#sum, count: this.#count, counts: this.#counts };
  }

  /** Adds what another series of the same metric has counted. */
  join({ sum, count, counts }: SeriesState): void {
    this.#sum += sum;
    this.#count += count;
    for (const [i, one] of counts.entries()) this.#counts[i]! += one;
  }

  /** Returns the lines for Prometheus. */
  lines(name: string, labels: string): string[] {
    if (this.#buckets.length === 0) return [`${name}{${labels}} ${this.#sum}`];
    let below = 0;
    const before = labels === "" ? "" : `${labels},`;
    const braces = labels === "" ? "" : `{${labels}}`;
    return [
      ...this.#buckets.map((limit, i) => {
        below += this.#counts[i]!;
        return `${name}_bucket{${before}le="${limit}"} ${below}`;
      }),
      `${name}_bucket{${before}le="+Inf"} ${this.#count}`,
      `${name}_sum${braces} ${this.#sum}`,
      `${name}_count${braces} ${this.#count}`,
    ];
  }
}

/** A number that is read when metrics are requested. */
interface Gauge {
  help: string;
  type: "gauge" | "counter" | "longest";
  read: GaugeReader;
}

/** The state of a series, as one thread tells it to another. */
interface SeriesState {
  sum: number;
  count: number;
  counts: readonly number[];
}

/** All metrics of a thread: series and values of gauges, by name and the text of their labels. */
export interface MetricsState {
  series: readonly [name: string, labels: string, state: SeriesState][];
  gauges: readonly [name: string, labels: string, value: number][];
}

/** Metrics for Prometheus. Labels never have a secret, nor the name of a private row. */
export class Metrics implements Gauges {
  readonly #series = new Map<Name, Map<string, Series>>();
  readonly #gauges = new Map<string, Gauge>();

  gauge(name: string, help: string, read: GaugeReader, type: Gauge["type"] = "gauge"): void {
    this.#gauges.set(name, { help, type, read });
  }

  /** Returns the series of some labels, which is always the same one. Callers on a hot path keep it. */
  series(name: Name, labels: Labels): Series {
    const all = this.#series.get(name) ?? new Map<string, Series>();
    this.#series.set(name, all);
    const key = labelText(labels);
    const series = all.get(key) ?? new Series(bucketsOf(name));
    all.set(key, series);
    return series;
  }

  /** Removes the series in which a label has one of some values. */
  remove(label: string, isGone: (value: string) => boolean): void {
    const value = new RegExp(`(?:^|,)${label}="([^"]*)"`);
    for (const all of this.#series.values())
      for (const key of all.keys()) {
        const match = value.exec(key);
        if (match && isGone(match[1]!)) all.delete(key);
      }
  }

  /** The metrics of this thread, for another one that shows those of all. */
  get state(): MetricsState {
    const series: MetricsState["series"][number][] = [];
    for (const [name, all] of this.#series)
      for (const [labels, one] of all) series.push([name, labels, one.state]);
    const gauges: MetricsState["gauges"][number][] = [];
    for (const [name, { read }] of this.#gauges)
      for (const [labels, value] of valuesOf(read)) gauges.push([name, labels, value]);
    return { series, gauges };
  }

  /** Returns all metrics in the text format of Prometheus, version 0.0.4. */
  render(): string {
    return [...this.pieces(Number.POSITIVE_INFINITY)].join("");
  }

  /**
   * Makes the same in pieces of about so many characters: a server with thousands of llms has megabytes of it.
   *
   * @param others the metrics of other threads, which are added
   */
  *pieces(characters: number, others: readonly MetricsState[] = []): Generator<string, undefined> {
    let piece = "";
    for (const line of this.#lines(others)) {
      piece += `${line}\n`;
      if (piece.length < characters) continue;
      yield piece;
      piece = "";
    }
    if (piece !== "") yield piece;
  }

  *#lines(others: readonly MetricsState[]): Generator<string> {
    for (const [name, { help, type, read }] of this.#gauges) {
      yield `# HELP ${name} ${help}`;
      yield `# TYPE ${name} ${type === "longest" ? "gauge" : type}`;
      for (const [labels, value] of joinedValues(name, type, valuesOf(read), others))
        yield labels === "" ? `${name} ${value}` : `${name}{${labels}} ${value}`;
    }
    for (const [name, metric] of Object.entries(metrics)) {
      const type = "buckets" in metric ? "histogram" : "counter";
      yield `# HELP ${name} ${metric.help}`;
      yield `# TYPE ${name} ${type}`;
      for (const [labels, series] of this.#joinedSeries(name as Name, others))
        yield* series.lines(name, labels);
    }
  }

  #joinedSeries(name: Name, others: readonly MetricsState[]): ReadonlyMap<string, Series> {
    const own: ReadonlyMap<string, Series> = this.#series.get(name) ?? new Map();
    if (others.length === 0) return own;
    const joined = new Map<string, Series>();
    const add = (labels: string, state: SeriesState) => {
      const series = joined.get(labels) ?? new Series(bucketsOf(name));
      series.join(state);
      joined.set(labels, series);
    };
    for (const [labels, series] of own) add(labels, series.state);
    for (const { series } of others)
      for (const [other, labels, state] of series) if (other === name) add(labels, state);
    return joined;
  }
}

function bucketsOf(name: Name): readonly number[] | undefined {
  return (metrics[name] as { buckets?: readonly number[] }).buckets;
}

/** Returns the values of a gauge with the text of their labels. */
function valuesOf(read: GaugeReader): [labels: string, value: number][] {
  const values = read();
  return typeof values === "number"
    ? [["", values]]
    : Array.from(values, ([labels, value]) => [labelText(labels), value]);
}

/** Returns the values of a gauge of this thread and of others. */
function joinedValues(
  name: string,
  type: Gauge["type"],
  own: readonly [labels: string, value: number][],
  others: readonly MetricsState[],
): Iterable<[labels: string, value: number]> {
  const joined = new Map(own);
  for (const { gauges } of others)
    for (const [other, labels, value] of gauges) {
      if (other !== name) continue;
      const known = joined.get(labels) ?? 0;
      joined.set(labels, type === "longest" ? Math.max(known, value) : known + value);
    }
  return joined;
}

function labelText(labels: Labels): string {
  const escaped = (value: string | number) => String(value).replace(/[\\"]/g, "\\$&").replaceAll("\n", "\\n");
  return Object.entries(labels)
    .map(([key, value]) => `${key}="${escaped(value)}"`)
    .join(",");
}
