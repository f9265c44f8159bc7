import type { Component } from "../core/lifecycle.ts";
import type { Metrics } from "./metrics.ts";

/** Milliseconds between two measurements. A shorter delay of the event loop may not be seen. */
const interval = 10;

/**
 * Measures by how much the event loop is late: while it is busy with one thing, everything else waits. The histogram
 * counts all measurements since the start; the gauge is the longest delay since the last request for metrics.
 */
export function loopDelayComponent(metrics: Metrics): Component<Timer> {
  return {
    name: "event loop",
    start() {
      const delays = metrics.series("mcpctl_event_loop_delay_seconds", {});
      let longest = 0;
      let due = performance.now() + interval;
      const timer = setInterval(() => {
        const now = performance.now();
        const delay = Math.max(0, now - due) / 1000;
        due = now + interval;
        delays.add(delay);
        longest = Math.max(longest, delay);
      }, interval);
      timer.unref();
      metrics.gauge(
        "mcpctl_event_loop_lag_seconds",
        "Longest delay of the event loop since the last request for metrics",
        () => {
          const most = longest;
          longest = 0;
          return most;
        },
      );
      return timer;
    },
    close: (timer) => clearInterval(timer),
  };
}
