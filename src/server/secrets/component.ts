import type { Gauges, Labels } from "../core/gauges.ts";
import { type Component, within } from "../core/lifecycle.ts";
import type { Snapshot } from "../core/store/snapshot.ts";
import { type OpenOptions, openSecrets, type SecretServices } from "./open.ts";
import { type SecretUpkeep, secretUpkeep, type UpkeepOptions } from "./upkeep.ts";

/** Milliseconds that a stop waits for the upkeep of secrets, which may wait for somebody else's server. */
const upkeepTimeout = 1000;

/** The secret backends and the values on them. */
export function secretsComponent(options: OpenOptions & { gauges: Gauges }): Component<SecretServices> {
  const { catalogue, gauges } = options;
  return {
    name: "secrets",
    async start() {
      const services = await openSecrets(options);
      gauges.gauge(
        "mcpctl_secret_backends",
        "Secret backends by type and how they were when last asked",
        () => backendHealth(catalogue.snapshot),
      );
      return services;
    },
    close: ({ backends }) => backends.close(),
  };
}

/** The work on secrets that a timer begins. */
export function secretUpkeepComponent(options: UpkeepOptions): Component<SecretUpkeep> {
  return {
    name: "secret upkeep",
    start: () => secretUpkeep(options),
    close: ({ settled }) => within(upkeepTimeout, settled()),
  };
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
