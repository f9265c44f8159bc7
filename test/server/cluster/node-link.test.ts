import { expect, it } from "vitest";
import { InstanceMoved, LinkLost } from "../../../src/server/cluster/link-messages.ts";
import { NodeLink } from "../../../src/server/cluster/node-link.ts";
import { openStore } from "../../../src/server/core/store/index.ts";
import { databaseWithTables } from "../../postgres.ts";
import { testServer } from "../../support/server.ts";

it("a node that stops answers each request of another node, or the other one knows that it was not carried out (failure mode 300)", async () => {
  const store = await openStore({ url: await databaseWithTables(), now: Date.now });
  const server = await testServer({ store, node: "a" });
  const [node] = (await store.cluster!.clusterState()).nodes;
  const link = new NodeLink(node!);
  let answered = 0;
  const failures: unknown[] = [];
  const ask = async () => {
    while (!link.isOver) {
      try {
        await link.request({ is: "listCache", filter: { principalId: "usr_x", projectIds: [] } });
        answered++;
      } catch (error) {
        failures.push(error);
      }
    }
  };
  const asking = Promise.all(Array.from({ length: 20 }, ask));
  await expect.poll(() => answered).toBeGreaterThan(100);
  await Promise.all([server.stop(60_000), asking]);
  expect(failures.length).toBeGreaterThan(0);
  const wasRefused = (error: unknown) =>
    error instanceof InstanceMoved || (error instanceof LinkLost && error.isUnsent);
  expect(failures.filter((error) => !wasRefused(error))).toEqual([]);
});
