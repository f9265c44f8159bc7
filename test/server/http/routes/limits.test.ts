import { describe, expect, it } from "vitest";
import { must } from "../../../support/server.ts";
import { goodProvider } from "../../../support/upstream.ts";
import { question, withProvider } from "../../inference/setup.ts";

describe("GET /api/v1/limits", () => {
  it("has the limits of the caller with their use, and those of all with view on audit", async () => {
    const { server } = await withProvider(goodProvider);
    const { call } = await server.user("alice", [{ role: "run", resource: "llms" }]);
    await must(
      server.admin("PUT", "/api/v1/users/alice", { limits: { tokensPerDay: 1000, mcpCallsPerDay: 5 } }),
    );
    const bob = await server.user("bob");
    await must(server.admin("PUT", "/api/v1/users/bob", { limits: { requestsPerMinute: 7 } }));
    await must(
      server.admin("POST", "/api/v1/groups", {
        name: "friends",
        members: ["alice", "bob"],
        limits: { requestsPerMinute: 60 },
      }),
    );
    await must(call("POST", "/v1/chat/completions", question));
    const own = (await must(call("GET", "/api/v1/limits"))).body;
    expect(own).toMatchObject([
      { kind: "user", name: "alice", limit: "tokensPerDay", used: 9, reserved: 0, max: 1000 },
      { kind: "user", name: "alice", limit: "mcpCallsPerDay", used: 0, max: 5 },
      { kind: "group", name: "friends", limit: "requestsPerMinute", used: 1, max: 60 },
    ]);
    const { limits } = (await must(call("GET", "/api/v1/auth/whoami"))).body;
    expect(limits.map(({ limit }: { limit: string }) => limit)).toEqual([
      "tokensPerDay",
      "mcpCallsPerDay",
      "requestsPerMinute",
    ]);
    // The next midnight in UTC.
    const resetsAt = Date.parse(own[0].resetsAt);
    expect([resetsAt % 86_400_000, resetsAt > Date.now() - 86_400_000]).toEqual([0, true]);
    const others = await call("GET", "/api/v1/limits?mine=0");
    expect(others.text).not.toContain('"bob"');
    expect((await must(bob.call("GET", "/api/v1/limits"))).text).not.toContain('"alice"');
    const all = (await must(server.admin("GET", "/api/v1/limits"))).body;
    expect(all.map(({ name, limit }: Record<string, string>) => `${name} ${limit}`)).toEqual([
      "alice tokensPerDay",
      "alice mcpCallsPerDay",
      "bob requestsPerMinute",
      "friends requestsPerMinute",
    ]);
    expect((await must(server.admin("GET", "/api/v1/limits?mine=1"))).body).toEqual([]);
    expect((await server.as()("GET", "/api/v1/limits")).status).toBe(401);
  });
});
