import { readdirSync } from "node:fs";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { version } from "../../version.ts";
import type { Snapshot } from "../core/store/snapshot.ts";
import type { Server } from "../http/server.ts";
import type { Labels } from "./metrics.ts";

/** How exactly the event loop is watched, in milliseconds. */
const lagResolution = 50;

/** What can be looked up of a server and its process when somebody asks for metrics: it costs nothing until then. */
export function registerGauges({ metrics, audit, catalogue, workstations }: Server): void {
  const { store } = catalogue;
  metrics.gauge("mcpctl_attached_agents", "Agents that are attached, by transport", () =>
    Object.entries(workstations.attached).map(([transport, agents]) => [{ transport }, agents] as const),
  );
  metrics.gauge("mcpctl_agent_tasks", "Calls and wakes that agents are busy with", () => workstations.busy);
  metrics.gauge("mcpctl_audit_waiting_events", "Audit events that wait to be committed", () => audit.waiting);
  metrics.gauge("mcpctl_secret_backends", "Secret backends by type and how they were when last asked", () =>
    backendHealth(catalogue.snapshot),
  );
  if (store.logBytes() !== undefined)
    metrics.gauge("mcpctl_sqlite_log_bytes", "Size of SQLite's write-ahead log", () => store.logBytes()!);
  metrics.gauge("mcpctl_build_info", "Version of the server; always 1", () => [
    [{ version: version.version }, 1] as const,
  ]);

  metrics.gauge(
    "mcpctl_event_loop_lag_seconds",
    "Longest that anything had to wait since last asked",
    lagReader(),
  );
  metrics.gauge("process_resident_memory_bytes", "Memory in use", () => process.memoryUsage.rss());
  metrics.gauge("process_heap_bytes", "Memory of JavaScript objects", () => process.memoryUsage().heapUsed);
  metrics.gauge("process_cpu_seconds_total", "Processor time, user and system", cpuSeconds, "counter");
  const startedAt = (Date.now() - process.uptime() * 1000) / 1000;
  metrics.gauge("process_start_time_seconds", "When the process was started, since 1970", () => startedAt);
  if (process.platform === "linux")
    metrics.gauge("process_open_fds", "Open files and sockets", () => readdirSync("/proc/self/fd").length);
}

/** How many there are of each type and health. Names of backends are for who may see backends. */
function backendHealth(snapshot: Snapshot): Iterable<readonly [Labels, number]> {
  const counts = new Map<string, [Labels, number]>();
  for (const { id, spec } of snapshot.table("secretbackend").sorted) {
    const labels = {
      type: spec.type,
      status: snapshot.moving.health.get(id)?.status ?? "unknown",
    };
    const key = `${labels.type} ${labels.status}`;
    counts.set(key, [labels, (counts.get(key)?.[1] ?? 0) + 1]);
  }
  return counts.values();
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
