import type { Log } from "../../log.ts";
import type { Outbound } from "../../net/outbound.ts";
import { version } from "../../version.ts";
import type { Random } from "../core/ids.ts";
import type { Metrics } from "./metrics.ts";
import { createTraceExport } from "./trace-export.ts";
import type { TraceSettings } from "./trace-settings.ts";
import { attribute, createTracer, type Tracer } from "./traces.ts";

export interface OpenTracerOptions {
  outbound: Outbound;
  metrics: Metrics;
  log: Log;
  random: Random;
  now(): number;
  elapsed(): number;
}

/** Creates a tracer that sends spans to the collector of some settings. It must close before `outbound` does. */
export function openTracer(settings: TraceSettings, options: OpenTracerOptions): Tracer {
  const { outbound, metrics, log, random, now, elapsed } = options;
  const resource = {
    ...settings.resource,
    "service.name": settings.serviceName,
    "service.version": version.version,
  };
  const exporter = createTraceExport({
    url: settings.url,
    headers: settings.headers,
    resource: Object.entries(resource).map(([key, value]) => attribute(key, value)),
    scope: { name: "mcpctl", version: version.version },
    outbound,
    metrics,
    onChange: (message) => log.warn(message),
  });
  return createTracer({ sampler: settings.sampler, exporter, random, now, elapsed });
}
