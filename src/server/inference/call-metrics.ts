import { type Operation, operations } from "../../wire/dialects/operations.ts";
import type { Usage } from "../../wire/dialects/usage.ts";
import type { LlmRow } from "../core/store/typed-rows.ts";
import type { Metrics, Series } from "../observability/metrics.ts";

const modelLabel = "gen_ai_request_model";
/** Stands for the name of an llm that is not public. */
const notPublic = "private";

/** The series of one llm and operation. */
interface CallSeries {
  duration: Series;
  firstToken: Series;
  perToken: Series;
  input: Series;
  output: Series;
}

/** Measures calls, by the OpenTelemetry GenAI conventions. */
export class CallMetrics {
  readonly #metrics: Metrics;
  readonly #known = new WeakMap<LlmRow, Map<string, CallSeries>>();

  #isPublic = (llm: LlmRow): boolean => llm.visibility !== "private";

  /** Calls that have begun and not ended. */
  #inFlight = 0;

  constructor(metrics: Metrics) {
    this.#metrics = metrics;
    metrics.gauge("mcpctl_calls_in_flight", "Calls of models under way", () => this.#inFlight);
    this.waiting(() => 0);
  }

  /** Counts a call as in flight. */
  begin(): void {
    this.#inFlight++;
  }

  /** Ends a call, whatever its result. To be called once for each `begin`. */
  end(): void {
    this.#inFlight--;
  }

  /** Sets the function that counts the calls in queues. It is called when the metrics are read. */
  waiting(read: () => number): void {
    this.#metrics.gauge("mcpctl_calls_waiting", "Calls that wait for their turn at an llm", read);
  }

  /**
   * Sets the function that tells if an llm is public now. A call may have begun when it was, or when the llm still
   * existed.
   */
  publicNow(read: (llm: LlmRow) => boolean): void {
    this.#isPublic = read;
  }

  /** Removes the series of llms that are not public any more, by the names of those that are. */
  keepOnly(isPublicName: (name: string) => boolean): void {
    this.#metrics.remove(modelLabel, (name) => name !== notPublic && !isPublicName(name));
  }

  /** Counts a further attempt of a call, at this llm. */
  retried(llm: LlmRow, dialect: Operation): void {
    this.#metrics.series("mcpctl_call_retries_total", this.#labelsOf(llm, dialect)).add();
  }

  /**
   * Measures a call that has ended.
   *
   * @param seconds from the request to the last byte
   * @param firstToken seconds to the first byte of a stream; undefined without one
   * @param error the error code of a failed call
   */
  measure(
    llm: LlmRow,
    dialect: Operation,
    seconds: number,
    firstToken: number | undefined,
    usage: Usage,
    error?: string,
  ): void {
    const series = this.#seriesOf(llm, dialect);
    if (error === undefined) series.duration.add(seconds);
    else {
      const labels = { ...this.#labelsOf(llm, dialect), error_type: error };
      this.#metrics.series("gen_ai_server_request_duration_seconds", labels).add(seconds);
    }
    if (firstToken !== undefined) {
      series.firstToken.add(firstToken);
      const { completionTokens } = usage;
      if (error === undefined && completionTokens > 1)
        series.perToken.add((seconds - firstToken) / (completionTokens - 1));
    }
    if (usage.promptTokens > 0) series.input.add(usage.promptTokens);
    if (usage.completionTokens > 0) series.output.add(usage.completionTokens);
  }

  #seriesOf(llm: LlmRow, dialect: Operation): CallSeries {
    return this.#known.get(llm)?.get(dialect) ?? this.#makeSeries(llm, dialect);
  }

  #makeSeries(llm: LlmRow, dialect: Operation): CallSeries {
    const byDialect = this.#known.get(llm) ?? new Map<string, CallSeries>();
    this.#known.set(llm, byDialect);
    const labels = this.#labelsOf(llm, dialect);
    const tokens = (type: string) =>
      this.#metrics.series("gen_ai_client_token_usage", { ...labels, gen_ai_token_type: type });
    const made = {
      duration: this.#metrics.series("gen_ai_server_request_duration_seconds", labels),
      firstToken: this.#metrics.series("gen_ai_server_time_to_first_token_seconds", labels),
      perToken: this.#metrics.series("gen_ai_server_time_per_output_token_seconds", labels),
      input: tokens("input"),
      output: tokens("output"),
    };
    byDialect.set(dialect, made);
    return made;
  }

  #labelsOf(llm: LlmRow, dialect: Operation) {
    return {
      gen_ai_operation_name: operations[dialect].telemetryName,
      gen_ai_provider_name: llm.spec.type,
      // Labels do not reveal the names of private llms.
      [modelLabel]: this.#isPublic(llm) ? llm.name : notPublic,
    };
  }
}
