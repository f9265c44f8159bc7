import { describe, expect, it } from "vitest";
import { said, scriptedMcp, tool } from "../../../support/mcp/http-server.ts";
import { givenAccess, postForm, renewal } from "../../../support/mcp/oauth-client.ts";
import { testProject } from "../../../support/mcp/project.ts";
import { must } from "../../../support/server.ts";

describe("a call of an MCP client", () => {
  it("goes on when the hour of its token is over, and ends with the grant (failure mode 229)", async () => {
    let time = Date.now();
    const p = await testProject({ now: () => time });
    const waiting: PromiseWithResolvers<void>[] = [];
    const begun: PromiseWithResolvers<void>[] = [Promise.withResolvers(), Promise.withResolvers()];
    const far = scriptedMcp("modern", {
      "tools/list": () => ({ tools: [tool("wait")] }),
      "tools/call": async () => {
        const answer = Promise.withResolvers<void>();
        begun[waiting.push(answer) - 1]!.resolve();
        await answer.promise;
        return said("done");
      },
    });
    await p.attach("far", far.url, { callSeconds: 600 });
    const alice = await p.user("alice", [{ role: "run", resource: "projects" }]);
    const access = await givenAccess(p, alice.call);
    const call = (bearer: string) => p.modern("tools/call", { name: "wait", arguments: {} }, { bearer });
    const first = call(access.accessToken);
    await begun[0]!.promise;
    time += 3_700_000;
    const { body } = await must(postForm(p, "/oauth/token", renewal(access)));
    // Longer than the server takes to notice bearers that are over.
    await must(p.admin("POST", "/api/v1/groups", { name: "some-change" }));
    waiting[0]!.resolve();
    expect((await first).text).toContain("done");
    const second = call(body.access_token).catch((error) => error);
    await begun[1]!.promise;
    const [grant] = (await alice.call("GET", "/api/v1/grants")).body;
    await must(alice.call("DELETE", `/api/v1/grants/${grant.id}`));
    const ended = await second;
    expect(ended instanceof Error ? "closed" : ended.text).not.toContain("done");
    waiting[1]!.resolve();
  });
});
