import { readdirSync } from "node:fs";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { version } from "../../version.ts";
import type { Gauges } from "../core/gauges.ts";

/** Resolution of the delay of the event loop, in milliseconds. */
const lagResolution = 50;

/** Registers gauges of the process. The event loop is watched from the first request for metrics on. */
export function registerProcessGauges(gauges: Gauges): void {
  gauges.gauge("mcpctl_build_info", "Version of the server; always 1", () => [
    [{ version: version.version }, 1] as const,
  ]);

  gauges.gauge(
    "mcpctl_event_loop_lag_seconds",
    "Longest delay of the event loop since the last request for metrics",
    lagReader(),
  );
  gauges.gauge("process_resident_memory_bytes", "Resident memory", () => process.memoryUsage.rss());
  gauges.gauge("process_heap_bytes", "Memory of JavaScript objects", () => process.memoryUsage().heapUsed);
  gauges.gauge("process_cpu_seconds_total", "Processor time in user and system mode", cpuSeconds, "counter");
  const startedAt = (Date.now() - process.uptime() * 1000) / 1000;
  gauges.gauge("process_start_time_seconds", "Start time of the process, since 1970", () => startedAt);
  if (process.platform === "linux")
    gauges.gauge("process_open_fds", "Open files and sockets", () => readdirSync("/proc/self/fd").length);
}

/** Returns a function that returns the longest delay since its last call, in seconds. Its first call returns 0. */
function lagReader(): () => number {
  let watching: ReturnType<typeof monitorEventLoopDelay> | undefined;
  return () => {
    if (!watching) {
      watching = monitorEventLoopDelay({ resolution: lagResolution });
      watching.enable();
      return 0;
    }
    const { max } = watching;
    watching.reset();
    return max / 1e9;
  };
}

function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}
