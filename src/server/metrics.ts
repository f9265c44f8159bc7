/** Seconds, for answers of models: from a cached classifier to a long chat. */
const secondsBuckets = [
  0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92,
];
const tokenBuckets = [1, 4, 16, 64, 256, 1024, 4096, 16_384, 65_536, 262_144, 1_048_576];

type Labels = Readonly<Record<string, string | number>>;

interface Series {
  counts: number[];
  sum: number;
  count: number;
}

/** Numbers for Prometheus. Labels never hold a secret, nor the name of anything private. */
export class Metrics {
  readonly #help = new Map<
    string,
    { type: "counter" | "gauge" | "histogram"; help: string; buckets?: readonly number[] }
  >();
  readonly #values = new Map<string, Map<string, number>>();
  readonly #series = new Map<string, Map<string, Series>>();
  readonly #gauges = new Map<string, () => number>();

  constructor() {
    this.#describe("mcpctl_http_requests_total", "counter", "Requests answered, by route and status");
    this.#describe("gen_ai_client_token_usage", "histogram", "Tokens per call", tokenBuckets);
    this.#describe(
      "gen_ai_server_request_duration_seconds",
      "histogram",
      "Time from request to last byte",
      secondsBuckets,
    );
    this.#describe(
      "gen_ai_server_time_to_first_token_seconds",
      "histogram",
      "Time from request to first byte of a stream",
      secondsBuckets,
    );
    this.gauge("process_resident_memory_bytes", "Memory in use", () => process.memoryUsage.rss());
  }

  /** A number that is looked up when it is asked for. */
  gauge(name: string, help: string, read: () => number): void {
    this.#describe(name, "gauge", help);
    this.#gauges.set(name, read);
  }

  count(name: "mcpctl_http_requests_total", labels: Labels): void {
    const values = this.#values.get(name) ?? new Map<string, number>();
    const key = text(labels);
    this.#values.set(name, values.set(key, (values.get(key) ?? 0) + 1));
  }

  observe(
    name:
      | "gen_ai_client_token_usage"
      | "gen_ai_server_request_duration_seconds"
      | "gen_ai_server_time_to_first_token_seconds",
    labels: Labels,
    value: number,
  ): void {
    const buckets = this.#help.get(name)!.buckets!;
    const all = this.#series.get(name) ?? new Map<string, Series>();
    this.#series.set(name, all);
    const key = text(labels);
    const series = all.get(key) ?? { counts: buckets.map(() => 0), sum: 0, count: 0 };
    all.set(key, series);
    const bucket = buckets.findIndex((limit) => value <= limit);
    if (bucket >= 0) series.counts[bucket]!++;
    series.sum += value;
    series.count++;
  }

  /** The text format of Prometheus, version 0.0.4. */
  render(): string {
    const lines: string[] = [];
    for (const [name, { type, help, buckets }] of this.#help) {
      lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`);
      const gauge = this.#gauges.get(name);
      if (gauge) lines.push(`${name} ${gauge()}`);
      for (const [labels, value] of this.#values.get(name) ?? []) lines.push(`${name}{${labels}} ${value}`);
      for (const [labels, series] of this.#series.get(name) ?? []) {
        let below = 0;
        for (const [i, limit] of buckets!.entries()) {
          below += series.counts[i]!;
          lines.push(`${name}_bucket{${labels},le="${limit}"} ${below}`);
        }
        lines.push(`${name}_bucket{${labels},le="+Inf"} ${series.count}`);
        lines.push(`${name}_sum{${labels}} ${series.sum}`, `${name}_count{${labels}} ${series.count}`);
      }
    }
    return `${lines.join("\n")}\n`;
  }

  #describe(
    name: string,
    type: "counter" | "gauge" | "histogram",
    help: string,
    buckets?: readonly number[],
  ): void {
    this.#help.set(name, { type, help, ...(buckets && { buckets }) });
  }
}

function text(labels: Labels): string {
  return Object.entries(labels)
    .map(
      ([key, value]) =>
        `${key}="${String(value).replace(/[\\"\n]/g, (c) => (c === "\n" ? "\\n" : `\\${c}`))}"`,
    )
    .join(",");
}
