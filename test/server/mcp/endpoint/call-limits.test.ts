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
