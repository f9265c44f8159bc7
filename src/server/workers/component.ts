import { defaultBodyMemory, leastBodyMemory } from "../core/body-budget.ts";
import type { Component } from "../core/lifecycle.ts";
import type { TraceSettings } from "../observability/trace-settings.ts";
import type { WorkerOptions } from "./messages.ts";
import { WorkerPool } from "./worker-pool.ts";
import type { WorkerServices } from "./worker-thread.ts";

/** Options of the workers of a server. */
export interface WorkersOptions extends Omit<WorkerOptions, "traces" | "bodies"> {
  count: number;
  /** Bounds on the memory for large bodies of the whole server. */
  bodies: { most?: number; wait?: number } | undefined;
  traces: TraceSettings | undefined;
}

/** The threads that answer calls of models. */
export function workersComponent(
  { count, bodies, traces, ...options }: WorkersOptions,
  services: WorkerServices,
): Component<WorkerPool> {
  const { most = defaultBodyMemory } = bodies ?? {};
  const shared = { ...bodies, most: Math.max(leastBodyMemory, Math.floor(most / count)) };
  return {
    name: "workers",
    start: () =>
      WorkerPool.open(
        count,
        { ...options, bodies: shared, traces: traces && { ...traces, url: traces.url.href } },
        services,
      ),
    close: (pool) => pool.close(),
  };
}
