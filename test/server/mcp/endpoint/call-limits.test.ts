import { expect, it } from "vitest";
import { said, scriptedMcp, tool } from "../../../support/mcp/http-server.ts";
import { testProject } from "../../../support/mcp/project.ts";
import { must } from "../../../support/server.ts";

it("refuses a call over the limit of its user, and asks the server nothing", async () => {
  let calls = 0;
  const upstream = scriptedMcp("modern", {
    "tools/list": () => ({ tools: [tool("echo")] }),
    "tools/call": () => {
      calls++;
      return { resultType: "complete", ...said("here") };
    },
  });
  const p = await testProject();
  await p.attach("s", upstream.url);
  const { bearer } = await p.user("alice", [{ role: "run", resource: "projects" }]);
  const { body: alice } = await p.admin("GET", "/api/v1/users/alice");
  await must(p.admin("PUT", "/api/v1/users/alice", { ...alice, limits: { mcpCallsPerMinute: 2 } }));
  const call = () => p.modern("tools/call", { name: "echo" }, { bearer });
  expect([(await call()).body.result.resultType, (await call()).body.result.resultType]).toEqual([
    "complete",
    "complete",
  ]);
  const refused = await call();
  expect(refused.body.error).toMatchObject({ code: -32000, message: expect.stringContaining("2") });
  expect(refused.body.error.data.retryAfter).toBeGreaterThan(0);
  expect(calls).toBe(2);
  expect((await p.audited())[0]).toMatchObject({ status: 429 });
  // The lists need no server, and somebody else has limits of their own.
  expect((await p.modern("tools/list", {}, { bearer })).body.result.tools).toHaveLength(1);
  expect((await p.modern("tools/call", { name: "echo" })).body.result.resultType).toBe("complete");
});

it("counts following a resource as a call, in both eras, so that nobody reaches a server beyond a limit (T302)", async () => {
  const uris = ["test://a", "test://b", "test://c", "test://d"];
  const upstream = scriptedMcp(
    "legacy",
    {
      "resources/list": () => ({ resources: uris.map((uri) => ({ uri, name: uri })) }),
      "resources/subscribe": () => ({}),
      "resources/unsubscribe": () => ({}),
    },
    { capabilities: { resources: { subscribe: true } } as never },
  );
  const p = await testProject();
  await p.attach("s", upstream.url);
  const { bearer } = await p.user("alice", [{ role: "run", resource: "projects" }]);
  await must(p.admin("PUT", "/api/v1/users/alice", { limits: { mcpCallsPerMinute: 2 } }));
  const headers = await p.session({ bearer });
  const follow = (uri: string) =>
    p.post({ jsonrpc: "2.0", id: 1, method: "resources/subscribe", params: { uri } }, { headers, bearer });
  const answers = [await follow(uris[0]!), await follow(uris[1]!), await follow(uris[2]!)];
  expect(answers.map(({ body }) => body.error?.code)).toEqual([undefined, undefined, -32000]);
  const filter = { notifications: { resourceSubscriptions: [uris[3]] } };
  const { text } = await p.modern("subscriptions/listen", filter, { bearer });
  expect(text).not.toContain(uris[3]);
  expect(upstream.of("resources/subscribe")).toHaveLength(2);
});
