import type { Usage } from "../../wire/usage.ts";
import type { Metrics, Series } from "../metrics.ts";
import type { Row } from "../store/types.ts";

/** The series of one llm and operation, found once: a row never changes. */
interface CallSeries {
  duration: Series;
  firstToken: Series;
  input: Series;
  output: Series;
}

/** Measures calls, by the OpenTelemetry GenAI conventions. */
export class CallMetrics {
  readonly #metrics: Metrics;
  readonly #known = new WeakMap<Row, Map<string, CallSeries>>();

  constructor(metrics: Metrics) {
    this.#metrics = metrics;
  }

  /**
   * @param seconds from the request to the last byte
   * @param firstToken seconds to the first byte of a stream
   * @param error the code of the error it ended in
   */
  measure(
    llm: Row,
    dialect: string,
    seconds: number,
    firstToken: number | undefined,
    usage: Usage,
    error?: string,
  ): void {
    const series = this.#seriesOf(llm, dialect);
    if (error === undefined) series.duration.add(seconds);
    else {
      const labels = { ...labelsOf(llm, dialect), error_type: error };
      this.#metrics.series("gen_ai_server_request_duration_seconds", labels).add(seconds);
    }
    if (firstToken !== undefined) series.firstToken.add(firstToken);
    if (usage.promptTokens > 0) series.input.add(usage.promptTokens);
    if (usage.completionTokens > 0) series.output.add(usage.completionTokens);
  }

  #seriesOf(llm: Row, dialect: string): CallSeries {
    const byDialect = this.#known.get(llm) ?? new Map<string, CallSeries>();
    this.#known.set(llm, byDialect);
    const known = byDialect.get(dialect);
    if (known) return known;
    const labels = labelsOf(llm, dialect);
    const tokens = (type: string) =>
      this.#metrics.series("gen_ai_client_token_usage", { ...labels, gen_ai_token_type: type });
    const made = {
      duration: this.#metrics.series("gen_ai_server_request_duration_seconds", labels),
      firstToken: this.#metrics.series("gen_ai_server_time_to_first_token_seconds", labels),
      input: tokens("input"),
      output: tokens("output"),
    };
    byDialect.set(dialect, made);
    return made;
  }
}

function labelsOf(llm: Row, dialect: string) {
  return {
    gen_ai_operation_name: dialect === "embeddings" ? "embeddings" : "chat",
    gen_ai_provider_name: llm.spec["type"] as string,
    // Nobody learns of a private llm from a label.
    gen_ai_request_model: llm.visibility === "private" ? "private" : llm.name,
  };
}
