import type { Gauges } from "../core/gauges.ts";
import type { Component } from "../core/lifecycle.ts";
import type { Workstations } from "./workstations.ts";

/**
 * The component of the connected workstations. It drains before the listeners do, because agents post results over
 * HTTP.
 */
export function workstationsComponent(workstations: Workstations, gauges: Gauges): Component {
  return {
    name: "workstations",
    start() {
      gauges.gauge("mcpctl_attached_agents", "Agents that are attached, by transport", () =>
        Object.entries(workstations.attached).map(([transport, agents]) => [{ transport }, agents] as const),
      );
      gauges.gauge(
        "mcpctl_agent_tasks",
        "Calls and wakes that agents are busy with",
        () => workstations.busy,
      );
    },
    async drain() {
      await workstations.drain();
      // Tasks over a WebSocket may continue while the listeners drain.
      void workstations.idle().then(() => workstations.close());
    },
    close: () => workstations.close(),
  };
}
