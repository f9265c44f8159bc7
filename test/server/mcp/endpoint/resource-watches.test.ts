import { expect, it } from "vitest";
import { type ScriptedCall, scriptedMcp } from "../../../support/mcp/http-server.ts";
import { type TestProject, testProject } from "../../../support/mcp/project.ts";

const uri = "test://a";

/** A modern server that tells changes on the stream of each connection, and ends all streams when it is told to. */
function server() {
  const open: ScriptedCall[] = [];
  const upstream = scriptedMcp(
    "modern",
    {
      "resources/list": () => ({ resources: [{ uri, name: "a" }] }),
      "subscriptions/listen": (call) => {
        open.push(call);
        return new Promise((resolve) => call.signal.addEventListener("abort", resolve));
      },
    },
    { capabilities: { tools: {}, resources: { subscribe: true } } as never },
  );
  const update = (call: ScriptedCall) => call.notify("notifications/resources/updated", { uri });
  return { ...upstream, open, update };
}

/** Follows the resource in a session of its own. Returns the URIs of the updates that it is told. */
async function follower(p: TestProject, bearer: string): Promise<string[]> {
  const client = await p.client("legacy", { bearer });
  const told: string[] = [];
  client.setNotificationHandler(
    "notifications/resources/updated",
    ({ params }) => void told.push(params.uri),
  );
  await client.subscribeResource({ uri });
  return told;
}

const until = async (holds: () => boolean) => {
  while (!holds()) await Bun.sleep(10);
};

it("tells changes only to those whose instance saw them, where callers share none (T171)", async () => {
  const upstream = server();
  const p = await testProject();
  await p.attach("s", upstream.url, { sharing: "principal" });
  const { bearer } = await p.token("other", [{ role: "run", resource: "projects" }]);
  const own = await follower(p, p.bearer);
  await until(() => upstream.open.length === 1);
  const others = await follower(p, bearer);
  await until(() => upstream.open.length === 2);
  const [first, second] = upstream.open as [ScriptedCall, ScriptedCall];
  upstream.update(second);
  await until(() => others.length === 1);
  upstream.update(first);
  await until(() => own.length === 1);
  expect([own, others]).toEqual([[uri], [uri]]);
});

it("goes on telling changes after the instance was started again", async () => {
  const upstream = server();
  const p = await testProject();
  await p.attach("s", upstream.url);
  const told = await follower(p, p.bearer);
  await until(() => upstream.open.length === 1);
  const instances = async () => (await p.admin("GET", "/api/v1/instances")).body;
  // Rows are written a moment after the start.
  while ((await instances()).length === 0) await Bun.sleep(10);
  const [instance] = await instances();
  await p.admin("DELETE", `/api/v1/instances/${instance.id}`);
  await until(() => upstream.open.length === 2);
  expect(upstream.open[1]!.params.notifications).toEqual({ resourceSubscriptions: [uri] });
  upstream.update(upstream.open[1]!);
  await until(() => told.length > 0);
  expect(told).toEqual([uri]);
});
