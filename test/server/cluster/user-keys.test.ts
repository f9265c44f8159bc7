import { expect, it } from "vitest";
import { type McpTestServer, until } from "../../support/mcp/runtime.ts";
import { type Client, must } from "../../support/server.ts";
import { nodes } from "./nodes.ts";

const mayRun = [{ role: "run", resource: "projects" }];
const path = "/api/v1/servers/files/authorization";
const spec = {
  sharing: "principal",
  env: [{ name: "TOKEN", valueFrom: { userKey: "token" } }],
  isBroken: true,
};
const give = (as: Client, token: string) => must(as("PUT", path, { keys: { token } }));
const valueFor = (node: McpTestServer, as: Client) => node.call("env", { name: "TOKEN" }, { as });
const listed = (node: McpTestServer) =>
  until(
    () => node.row("files"),
    ({ toolCount }) => toolCount > 0,
  );

it("the key of a user that is given at one node counts at all, in one process for the user, and so do its change and its end (T313)", async () => {
  const { nodes: started } = await nodes(["a", "b"]);
  const [a, b] = started as [McpTestServer, McpTestServer];
  const files = await a.define("files", spec);
  const [alice, bob] = [await a.user("alice", mayRun), await a.user("bob", mayRun)];
  await until(
    async () => (await b.as(bob.bearer)("GET", "/api/v1/auth/whoami")).status,
    (status) => status === 200,
  );
  const at = (node: McpTestServer, { bearer }: typeof alice) => valueFor(node, node.as(bearer));
  await give(a.as(alice.bearer), "alice-key-1");
  await Promise.all([listed(a), listed(b)]);
  expect(await at(b, alice)).toEqual({ text: "alice-key-1" });
  expect(await at(a, alice)).toEqual({ text: "alice-key-1" });
  expect((await at(b, bob)).error?.message).toMatch(/it wants a key of yours, "token"/);
  await give(b.as(bob.bearer), "bob-key-1");
  expect(await at(b, bob)).toEqual({ text: "bob-key-1" });
  expect(
    await until(
      () => at(a, bob),
      ({ text }) => text !== undefined,
    ),
  ).toEqual({ text: "bob-key-1" });
  // One process for each of them, wherever they call.
  for (const node of [a, b])
    for (const { bearer } of [alice, bob])
      expect(await node.call("count", {}, { as: node.as(bearer) })).toEqual({
        text: node === a ? "1" : "2",
      });
  await give(b.as(alice.bearer), "alice-key-2");
  for (const node of [b, a])
    await until(
      () => at(node, alice),
      ({ text }) => text === "alice-key-2",
    );
  await must(a.as(alice.bearer)("DELETE", path));
  for (const node of [a, b])
    await until(
      () => at(node, alice),
      ({ error }) => /it wants a key of yours/.test(error?.message ?? ""),
    );
  expect(await at(a, bob)).toEqual({ text: "bob-key-1" });
  expect(files.alive().length).toBeGreaterThan(0);
});
