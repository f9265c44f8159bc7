import type { Component } from "../core/lifecycle.ts";
import type { Metrics } from "./metrics.ts";

/** Milliseconds between two measurements. A shorter delay of the event loop may not be seen. */
const interval = 10;

/**
 * Measures by how much the event loop is late: while it is busy with one thing, everything else waits. The histogram
 * counts all measurements since the start. The gauges are the longest delay since the last request for metrics, and the
 * most processor time that this thread used in one such delay: what other programs of the machine cause is not in it.
 */
export function loopDelayComponent(metrics: Metrics): Component<Timer> {
  return {
    name: "event loop",
    start() {
      const delays = metrics.series("mcpctl_event_loop_delay_seconds", {});
      const longest = { delay: 0, busy: 0 };
      let due = performance.now() + interval;
      let used = processorSeconds();
      const timer = setInterval(() => {
        const now = performance.now();
        const usedNow = processorSeconds();
        const delay = Math.max(0, now - due) / 1000;
        delays.add(delay);
        longest.delay = Math.max(longest.delay, delay);
        longest.busy = Math.max(longest.busy, Math.min(delay, usedNow - used));
        due = now + interval;
        used = usedNow;
      }, interval);
      timer.unref();
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
      return timer;
    },
    close: (timer) => clearInterval(timer),
  };
}

/** Returns the processor time that this thread has used. */
function processorSeconds(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1e6;
}
