import type { Gauges, Labels } from "../core/gauges.ts";
import { type Component, within } from "../core/lifecycle.ts";
import type { Snapshot } from "../core/store/snapshot.ts";
import { type OpenOptions, openSecrets, type SecretServices } from "./open.ts";
import { type SecretUpkeep, type SecretUpkeepOptions, secretUpkeep } from "./upkeep.ts";

/** Time for which a stop waits for the upkeep of secrets, in milliseconds. The upkeep may wait for another server. */
const upkeepTimeout = 1000;

/** The component of secret backends and the values on them. */
export function secretsComponent(options: OpenOptions & { gauges: Gauges }): Component<SecretServices> {
  const { catalogue, gauges } = options;
  return {
    name: "secrets",
    async start() {
      const services = await openSecrets(options);
      gauges.gauge("mcpctl_secret_backends", "Secret backends by type and health at the last check", () =>
        backendHealth(catalogue.snapshot),
      );
      return services;
    },
    close: ({ backends }) => backends.close(),
  };
}

/** The component of the regular work on secrets. */
export function secretUpkeepComponent(options: SecretUpkeepOptions): Component<SecretUpkeep> {
  return {
    name: "secret upkeep",
    start: () => secretUpkeep(options),
    close: ({ settled }) => within(upkeepTimeout, settled()),
  };
}

/** Counts backends by type and health. Their names are only for callers who may see backends. */
function backendHealth(snapshot: Snapshot): Iterable<readonly [Labels, number]> {
  const counts = new Map<string, [Labels, number]>();
  for (const { id, spec } of snapshot.table("secretbackend").sorted) {
    const labels = {
      type: spec.type,
      status: snapshot.volatile.health.get(id)?.status ?? "unknown",
    };
    const key = `${labels.type} ${labels.status}`;
    counts.set(key, [labels, (counts.get(key)?.[1] ?? 0) + 1]);
  }
  return counts.values();
}
