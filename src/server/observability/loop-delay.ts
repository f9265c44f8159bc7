import type { Pulse } from "../core/pulse.ts";
import type { Metrics } from "./metrics.ts";

/**
 * Measures by how much the event loop is late: while it is busy with one thing, everything else waits. The histogram
 * counts all beats since the start. The gauges are the longest delay since the last request for metrics, and the
 * most processor time that this thread used in one such delay: what other programs of the machine cause is not in it.
 * A delay is measured from the time at which a beat was due, and so may be seen in part, or not at all if it is shorter
 * than the time between two beats.
 */
export function measureLoopDelay(pulse: Pulse, metrics: Metrics): void {
  const delays = metrics.series("mcpctl_event_loop_delay_seconds", {});
  const longest = { delay: 0, busy: 0 };
  pulse.every(0, ({ delay, busy }) => {
    delays.add(delay);
    longest.delay = Math.max(longest.delay, delay);
    longest.busy = Math.max(longest.busy, busy);
  });
  const sinceLastRequest = (of: keyof typeof longest) => () => {
    const most = longest[of];
    longest[of] = 0;
    return most;
  };
  metrics.gauge(
    "mcpctl_event_loop_lag_seconds",
    "Longest delay of the event loop since the last request for metrics",
    sinceLastRequest("delay"),
    "longest",
  );
  metrics.gauge(
    "mcpctl_event_loop_busy_seconds",
    "Most processor time of the event loop in one such delay since the last request for metrics",
    sinceLastRequest("busy"),
    "longest",
  );
}
