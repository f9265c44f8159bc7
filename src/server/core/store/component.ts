import type { Gauges } from "../gauges.ts";
import type { Component } from "../lifecycle.ts";
import type { Store } from "./types.ts";

/** An open store: everything else starts after it, and it is closed last. */
export function storeComponent(store: Store, gauges: Gauges): Component {
  return {
    name: "store",
    start() {
      if (store.logBytes() !== undefined)
        gauges.gauge("mcpctl_sqlite_log_bytes", "Size of SQLite's write-ahead log", () => store.logBytes()!);
    },
    close: () => store.close(),
  };
}
