import { readdirSync } from "node:fs";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { version } from "../../version.ts";
import type { Gauges } from "../core/gauges.ts";

/** How exactly the event loop is watched, in milliseconds. */
const lagResolution = 50;

/** Registers what the process itself can tell. Its event loop is watched from the first request for metrics on. */
export function registerProcessGauges(gauges: Gauges): void {
  gauges.gauge("mcpctl_build_info", "Version of the server; always 1", () => [
    [{ version: version.version }, 1] as const,
  ]);

  gauges.gauge(
    "mcpctl_event_loop_lag_seconds",
    "Longest that anything had to wait since last asked",
    lagReader(),
  );
  gauges.gauge("process_resident_memory_bytes", "Memory in use", () => process.memoryUsage.rss());
  gauges.gauge("process_heap_bytes", "Memory of JavaScript objects", () => process.memoryUsage().heapUsed);
  gauges.gauge("process_cpu_seconds_total", "Processor time, user and system", cpuSeconds, "counter");
  const startedAt = (Date.now() - process.uptime() * 1000) / 1000;
  gauges.gauge("process_start_time_seconds", "When the process was started, since 1970", () => startedAt);
  if (process.platform === "linux")
    gauges.gauge("process_open_fds", "Open files and sockets", () => readdirSync("/proc/self/fd").length);
}

/** Seconds of the longest delay since the last time; watches from the first time on. */
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
