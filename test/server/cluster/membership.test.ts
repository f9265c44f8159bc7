import { expect, it } from "vitest";
import { Membership } from "../../../src/server/cluster/membership.ts";
import { systemRandom } from "../../../src/server/core/ids.ts";
import type { ClusterNode, ClusterStore } from "../../../src/server/core/store/cluster-store.ts";

const node = (id: string, name: string, beat: number): ClusterNode => ({
  ...{ id, name, beat, url: `http://${name}`, key: "", process: "" },
});

it("a node that is removed is told of together with a later run of it that has joined since (failure mode 264)", async () => {
  let clock = 0;
  let nodes = [node("nod_old", "a", 1)];
  const store = {
    clusterState: async () => ({ nodes, leases: [] }),
    evict: async () => true,
  } as unknown as ClusterStore;
  const membership = new Membership({
    store,
    name: "b",
    clock: () => clock,
    now: () => clock,
    random: systemRandom,
    onError: () => {},
  });
  const known: string[][] = [];
  membership.onRemoved = ({ id }) => known.push([id, ...membership.nodes.keys()]);
  await membership.refresh();
  expect(known).toEqual([]);
  clock = 60_000;
  nodes = [node("nod_old", "a", 1), node("nod_new", "a", 1)];
  await membership.refresh();
  expect(known).toEqual([["nod_old", "nod_new"]]);
});
