import type { Component } from "../core/lifecycle.ts";
import type { Cluster } from "./cluster.ts";

/** The place of this server among the nodes, which it leaves when its instances have ended. */
export function clusterComponent(cluster: Cluster): Component<Cluster> {
  return { name: "cluster", start: () => cluster, close: () => cluster.close() };
}

/** The links between nodes. A node joins when it listens, and drains before its listeners do. */
export function clusterLinksComponent(cluster: Cluster, url: () => string): Component {
  return {
    name: "cluster links",
    start: () => cluster.join(url()),
    drain: () => cluster.drain(),
    close: () => cluster.closeLinks(),
  };
}
