import type { McpServerRow } from "../../core/store/typed-rows.ts";
import type { Metrics, Series } from "../../observability/metrics.ts";

/** Stands for the name of a server that is not public, and of its tools. */
const notPublic = "private";
/** Stands for further names of tools, so that there are not too many series. */
const other = "other";

/** The most tools that have series of their own. */
const maxTools = 1000;

interface CallSeries {
  calls: Series;
  durations: Series;
}

/** Counts calls of MCP servers by server, tool and status, and measures them by server. */
export class McpMetrics {
  readonly #metrics: Metrics;
  readonly #tools = new Set<string>();
  /** The series that were used, by status, server and tool. */
  readonly #series = new Map<string, CallSeries>();

  #isPublic = (server: McpServerRow): boolean => server.visibility === "public";

  constructor(metrics: Metrics) {
    this.#metrics = metrics;
  }

  /** Sets the function that tells if a server is public now: a call may have begun when it was (T117). */
  publicNow(read: (server: McpServerRow) => boolean): void {
    this.#isPublic = read;
  }

  /** @param tool the name of the tool, or undefined for another thing of a server */
  called(server: McpServerRow, tool: string | undefined, status: number, durationMs: number): void {
    const isPublic = this.#isPublic(server);
    const name = isPublic ? server.name : notPublic;
    const label = isPublic ? this.#labelOf(name, tool ?? "") : notPublic;
    const { calls, durations } = this.#seriesOf(name, label, status);
    calls.add();
    durations.add(durationMs / 1000);
  }

  #seriesOf(server: string, tool: string, status: number): CallSeries {
    const key = `${status} ${server} ${tool}`;
    let series = this.#series.get(key);
    if (!series) {
      series = {
        calls: this.#metrics.series("mcpctl_mcp_calls_total", { server, tool, status }),
        durations: this.#metrics.series("mcpctl_mcp_call_duration_seconds", { server }),
      };
      this.#series.set(key, series);
    }
    return series;
  }

  /** Removes the series of servers that are deleted or private now, by the names of those that are public. */
  keepOnly(isPublicName: (name: string) => boolean): void {
    // A series that is removed below must not be counted on.
    this.#series.clear();
    this.#metrics.remove("server", (name) => name !== notPublic && !isPublicName(name));
    for (const key of this.#tools) if (!isPublicName(key.split(" ")[0]!)) this.#tools.delete(key);
  }

  #labelOf(server: string, tool: string): string {
    const key = `${server} ${tool}`;
    if (this.#tools.has(key)) return tool;
    if (this.#tools.size >= maxTools) return other;
    this.#tools.add(key);
    return tool;
  }
}
