import { describe, expect, it } from "vitest";
import type { Row } from "../../../src/server/core/store/types.ts";
import { CallMetrics } from "../../../src/server/inference/call-metrics.ts";
import { Metrics } from "../../../src/server/observability/metrics.ts";
import { row } from "../../support/row.ts";
import { must, testServer } from "../../support/server.ts";

const llm = (name: string, visibility: Row["visibility"] = "public") =>
  row(`llm_${name}`, "llm", name, { visibility, spec: { type: "openai" } });
const usage = (completionTokens: number) => ({ promptTokens: 7, completionTokens, cachedTokens: 0 });

/** The samples of a metric, without help and type: `{labels} value`. */
function samples(metrics: Metrics, name: string): string[] {
  return metrics
    .render()
    .split("\n")
    .filter((line) => line.startsWith(name) && /^[{ ]/.test(line.slice(name.length)))
    .map((line) => line.slice(name.length));
}

describe("metrics of calls", () => {
  const labels = `gen_ai_operation_name="chat",gen_ai_provider_name="openai",gen_ai_request_model="gpt"`;

  it("count running calls and retries", () => {
    const metrics = new Metrics();
    const calls = new CallMetrics(metrics);
    expect(samples(metrics, "mcpctl_calls_in_flight")).toEqual([" 0"]);
    calls.begin();
    calls.begin();
    calls.end();
    expect(samples(metrics, "mcpctl_calls_in_flight")).toEqual([" 1"]);
    calls.retried(llm("gpt"), "chat");
    calls.retried(llm("gpt"), "chat");
    expect(samples(metrics, "mcpctl_call_retries_total")).toEqual([`{${labels}} 2`]);
    let waiting = 3;
    calls.waiting(() => waiting);
    expect(samples(metrics, "mcpctl_calls_waiting")).toEqual([" 3"]);
    waiting = 0;
    expect(samples(metrics, "mcpctl_calls_waiting")).toEqual([" 0"]);
  });

  it("have the time per token after the first, of streams without an error", () => {
    const metrics = new Metrics();
    const calls = new CallMetrics(metrics);
    const count = () => samples(metrics, "gen_ai_server_time_per_output_token_seconds_count");
    calls.measure(llm("gpt"), "chat", 1, undefined, usage(11));
    calls.measure(llm("gpt"), "chat", 1, 0.5, usage(1));
    calls.measure(llm("gpt"), "chat", 1, 0.5, usage(11), "provider_error");
    expect(count()).toEqual([`{${labels}} 0`]);
    calls.measure(llm("gpt"), "chat", 1.5, 0.5, usage(11));
    expect(count()).toEqual([`{${labels}} 1`]);
    expect(samples(metrics, "gen_ai_server_time_per_output_token_seconds_sum")).toEqual([`{${labels}} 0.1`]);
  });

  it("never have the name of a private llm (T26, T52)", () => {
    const metrics = new Metrics();
    const calls = new CallMetrics(metrics);
    const hidden = llm("hidden-one", "private");
    calls.measure(hidden, "chat", 1, 0.5, usage(11));
    calls.measure(hidden, "messages", 1, undefined, usage(0), "provider_error");
    calls.retried(hidden, "chat");
    const text = metrics.render();
    expect(text).not.toContain("hidden");
    expect(text).toContain(`gen_ai_request_model="private"`);
  });

  it("have cumulative buckets", () => {
    const metrics = new Metrics();
    new CallMetrics(metrics).measure(llm("gpt"), "chat", 30, 12, usage(3));
    const bucket = (name: string, le: string) =>
      samples(metrics, `${name}_bucket`).find((line) => line.includes(`le="${le}"`));
    const first = "gen_ai_server_time_to_first_token_seconds";
    expect(bucket(first, "10")).toMatch(/ 0$/);
    expect(bucket(first, "20")).toMatch(/ 1$/);
    expect(bucket(first, "+Inf")).toMatch(/ 1$/);
  });
});

describe("metrics of a server", () => {
  it("have the gauges of all components, and no name of a backend, secret or user (T26)", async () => {
    const server = await testServer();
    await must(
      server.admin("POST", "/api/v1/secrets", { name: "named-secret", data: { k: "canary-value" } }),
    );
    const backend = { name: "named-backend", type: "plaintext" };
    await must(server.admin("POST", "/api/v1/secretbackends", backend));
    await server.user("named-user");
    const { text } = await must(server.admin("GET", "/metrics"));
    expect(text).toMatch(/^mcpctl_secret_backends\{type="plaintext",status="(healthy|unknown)"\} [12]$/m);
    for (const name of [
      "mcpctl_audit_waiting_events",
      "mcpctl_calls_in_flight",
      "mcpctl_calls_waiting",
      "mcpctl_open_streams",
    ])
      expect(text).toMatch(new RegExp(`^# HELP ${name} .+\n# TYPE ${name} gauge\n${name} 0$`, "m"));
    for (const name of ["mcpctl_sqlite_log_bytes", "process_resident_memory_bytes", "process_heap_bytes"])
      expect(Number(new RegExp(`^${name} (\\d+)$`, "m").exec(text)?.[1])).toBeGreaterThan(1000);
    expect(text).toMatch(/^# TYPE process_cpu_seconds_total counter\nprocess_cpu_seconds_total [\d.]+$/m);
    expect(text).toMatch(/^mcpctl_build_info\{version="[^"]+"\} 1$/m);
    expect(text).not.toMatch(/named-|canary/);
  });

  it("have the delay of the event loop", async () => {
    const server = await testServer();
    const lag = async () =>
      Number(
        /^mcpctl_event_loop_lag_seconds (\S+)$/m.exec(
          (await must(server.admin("GET", "/metrics"))).text,
        )?.[1],
      );
    const held = () => {
      const until = performance.now() + 200;
      while (performance.now() < until);
      return lag();
    };
    await expect.poll(held).toBeGreaterThan(0.1);
    const { text } = await must(server.admin("GET", "/metrics"));
    const counts = (limit: string) =>
      Number(text.split(`mcpctl_event_loop_delay_seconds_bucket{le="${limit}"} `)[1]?.split("\n")[0]);
    expect(counts("+Inf")).toBeGreaterThan(counts("0.1"));
    expect(text).toContain(`mcpctl_event_loop_delay_seconds_count ${counts("+Inf")}\n`);
  });

  it("have the part of that delay that the server itself used", async () => {
    const server = await testServer();
    const gauges = async () => {
      const { text } = await must(server.admin("GET", "/metrics"));
      const gauge = (name: string) =>
        Number(new RegExp(`^mcpctl_event_loop_${name}_seconds (\\S+)$`, "m").exec(text)?.[1]);
      return { lag: gauge("lag"), busy: gauge("busy") };
    };
    const working = () => {
      const { user } = process.threadCpuUsage();
      while (process.threadCpuUsage().user - user < 200_000);
      return gauges();
    };
    await expect.poll(working).toMatchObject({ busy: expect.toSatisfy((busy: number) => busy > 0.15) });
    // A process that waits for a processor uses none.
    const waiting = () => {
      Bun.sleepSync(300);
      return gauges();
    };
    const isWaiting = ({ lag, busy }: { lag: number; busy: number }) => lag > 0.25 && busy < lag / 2;
    await expect.poll(async () => isWaiting(await waiting())).toBe(true);
  });

  it("have each metric once, after its help and type", async () => {
    const server = await testServer();
    const { text } = await must(server.admin("GET", "/metrics"));
    const declared = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name]) => name!);
    expect(new Set(declared).size).toBe(declared.length);
    for (const line of text.split("\n").filter((each) => each !== "" && !each.startsWith("#"))) {
      expect(line).toMatch(/^[a-z_]+(\{[a-z_]+="[^"]*"(,[a-z_]+="[^"]*")*\})? -?[\d.e+-]+$/);
      const name = /^[a-z_]+/.exec(line)![0].replace(/_(bucket|sum|count)$/, "");
      expect(declared).toContain(name);
    }
  });
});
