import { expect, it } from "vitest";
import { must } from "../../support/server.ts";
import { type Connection, type Seen, upstream } from "../../support/upstream.ts";
import { echo, line, sdkAt } from "../inference/tasks/batch-setup.ts";
import { endLease, longLeases, nodes, separateNode } from "./nodes.ts";

it("shares a batch among two nodes: each request is answered once, also when one is killed (failure mode 271)", async () => {
  const held: [Seen, Connection][] = [];
  let isHolding = true;
  const provider = upstream((seen, connection) => {
    if (isHolding) held.push([seen, connection]);
    else echo(seen, connection);
  });
  const { url, nodes: started } = await nodes(["a"], { tick: 50 });
  const a = started[0]!;
  const b = await separateNode(url, "b", undefined, longLeases);
  const llm = { name: "gpt", type: "openai", model: "up", url: provider.url };
  await must(a.admin("POST", "/api/v1/llms?probe=false", llm));
  const { bearer } = await a.token("t", [{ role: "run", resource: "llms" }]);
  const api = sdkAt(a.url, bearer);
  const ids = Array.from({ length: 20 }, (_, i) => `r${i}`);
  const { id } = await api.begin(ids.map((one) => line(one)));
  // Of one model each node runs four at a time.
  await expect.poll(() => held.length).toBe(8);
  b.kill("SIGKILL");
  await b.exited;
  await endLease(url, "b");
  isHolding = false;
  for (const [seen, connection] of held) echo(seen, connection);
  const batch = await api.ended(id);
  expect(batch).toMatchObject({
    status: "completed",
    request_counts: { total: 20, completed: 20, failed: 0 },
  });
  expect((await api.linesOf(batch.output_file_id)).map(({ custom_id }) => custom_id)).toEqual(ids);
  const times = Map.groupBy(provider.seen, ({ body }) => body.messages[0].content.split(" ").at(-1));
  expect([...times.keys()].sort()).toEqual([...ids].sort());
  const twice = [...times.values()].filter(({ length }) => length > 1);
  // Those that the killed node had, and no other.
  expect(twice.map(({ length }) => length)).toEqual([2, 2, 2, 2]);
});

it("does not cancel a request that a node takes while it looks after those that it runs (failure mode 271)", async () => {
  const provider = upstream(echo);
  const { nodes: started } = await nodes(["a"], { tick: 15 });
  const a = started[0]!;
  const llm = { name: "gpt", type: "openai", model: "up", url: provider.url };
  await must(a.admin("POST", "/api/v1/llms?probe=false", llm));
  const { bearer } = await a.token("t", [{ role: "run", resource: "llms" }]);
  const api = sdkAt(a.url, bearer);
  const { id } = await api.begin(Array.from({ length: 50 }, (_, i) => line(`r${i}`)));
  expect((await api.ended(id)).request_counts).toEqual({ total: 50, completed: 50, failed: 0 });
});
