import { readdirSync } from "node:fs";
import { version } from "../../version.ts";
import type { Gauges } from "../core/gauges.ts";

/** Registers gauges of the process. */
export function registerProcessGauges(gauges: Gauges): void {
  gauges.gauge("mcpctl_build_info", "Version of the server; always 1", () => [
    [{ version: version.version }, 1] as const,
  ]);
  gauges.gauge("process_resident_memory_bytes", "Resident memory", () => process.memoryUsage.rss());
  gauges.gauge("process_heap_bytes", "Memory of JavaScript objects", () => process.memoryUsage().heapUsed);
  gauges.gauge("process_cpu_seconds_total", "Processor time in user and system mode", cpuSeconds, "counter");
  const startedAt = (Date.now() - process.uptime() * 1000) / 1000;
  gauges.gauge("process_start_time_seconds", "Start time of the process, since 1970", () => startedAt);
  if (process.platform === "linux")
    gauges.gauge("process_open_fds", "Open files and sockets", () => readdirSync("/proc/self/fd").length);
}

function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}
