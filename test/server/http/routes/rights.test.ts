import { describe, expect, it } from "vitest";
import { must, testServer } from "../../../support/server.ts";

const grant = (role: string, resource: string, name?: string) => ({ role, resource, ...(name && { name }) });
const llm = (name: string, more = {}) => ({
  name,
  type: "openai",
  model: "m-secret-name",
  url: "http://127.0.0.1:9/v1",
  ...more,
});

describe("GET /api/v1/auth/rights", () => {
  it("lists the rules of a user, its groups and a token, with the bindings that give them", async () => {
    const server = await testServer();
    const { call } = await server.user("alice", [grant("create", "tokens"), grant("run", "llms")]);
    await must(server.admin("POST", "/api/v1/groups", { name: "friends", members: ["alice"] }));
    const roleBindings = [grant("view", "llms")];
    const subjects = [{ kind: "Group", name: "friends" }];
    await must(server.admin("POST", "/api/v1/rbac", { name: "friends-see", subjects, roleBindings }));
    const rules = (await must(call("GET", "/api/v1/auth/rights"))).body;
    expect(rules).toContainEqual({
      holder: "user alice",
      via: "group friends",
      binding: "friends-see",
      grant: grant("view", "llms"),
      isStale: false,
    });
    expect(rules).toHaveLength(3);
    const made = await must(
      call("POST", "/api/v1/tokens", { name: "ci", roleBindings: [grant("run", "llms")] }),
    );
    const ofToken = (await server.as(made.body.token)("GET", "/api/v1/auth/rights")).body;
    expect(ofToken[0]).toMatchObject({ holder: "token ci", binding: null, grant: grant("run", "llms") });
    expect(ofToken).toHaveLength(4);
    expect((await server.admin("GET", "/api/v1/auth/rights")).body).toMatchObject([
      { holder: "user admin", grant: { role: "everything" } },
    ]);
  });

  it("tells of a rule whose object is gone, and not of another user's new object of that name", async () => {
    const server = await testServer();
    await must(server.admin("POST", "/api/v1/llms?probe=false", llm("one")));
    const { call } = await server.user("alice", [grant("run", "llms", "one")]);
    const stale = async () => (await call("GET", "/api/v1/auth/rights")).body[0].isStale;
    expect(await stale()).toBe(false);
    await must(server.admin("DELETE", "/api/v1/llms/one"));
    expect(await stale()).toBe(true);
    const bob = await server.user("bob", [grant("create", "llms")]);
    await must(bob.call("POST", "/api/v1/llms?probe=false", llm("one", { visibility: "private" })));
    expect(await stale()).toBe(true);
  });

  it("is for others only with view on users and on rbac, also as a question of can-i", async () => {
    const server = await testServer();
    await server.user("alice", [grant("run", "llms")]);
    const ask = { verb: "run", resource: "llms", user: "alice" };
    const grants = { seer: [grant("view", "users")], binder: [grant("edit", "rbac")] };
    for (const [name, held] of Object.entries(grants)) {
      const { call } = await server.user(name, held);
      expect((await call("GET", "/api/v1/auth/rights?user=alice")).status, name).toBe(403);
      expect((await call("POST", "/api/v1/auth/can-i", ask)).status, name).toBe(403);
    }
    const { call } = await server.user("auditor", [grant("view", "users"), grant("view", "rbac")]);
    expect((await call("GET", "/api/v1/auth/rights?user=alice")).body).toHaveLength(1);
    expect((await call("POST", "/api/v1/auth/can-i", ask)).body).toEqual({ allowed: true });
    expect((await call("GET", "/api/v1/auth/rights?user=nobody")).status).toBe(404);
  });

  it("never tells an asker of a private llm that is hidden from it", async () => {
    const server = await testServer();
    const alice = await server.user("alice", [grant("create", "llms"), grant("run", "llms")]);
    await must(alice.call("POST", "/api/v1/llms?probe=false", llm("mine", { visibility: "private" })));
    const { call } = await server.user("auditor", [grant("view", "users"), grant("view", "rbac")]);
    const ask = (name: string) =>
      call("POST", "/api/v1/auth/can-i", { verb: "run", resource: "llms", name, user: "alice" });
    expect((await ask("mine")).body).toEqual((await ask("missing")).body);
  });

  it("refuses a question about an unknown kind, with the nearest one", async () => {
    const server = await testServer();
    const answer = await server.admin("POST", "/api/v1/auth/can-i", { verb: "run", resource: "llmz" });
    expect(answer).toMatchObject({
      status: 400,
      body: { error: 'unknown kind "llmz"', hint: expect.stringMatching(/^did you mean "llm/) },
    });
  });
});

describe("GET /api/v1/llms with run alone (T251)", () => {
  it("shows what /v1/models shows, without address, key, model and settings", async () => {
    const server = await testServer();
    await must(server.admin("POST", "/api/v1/secrets", { name: "s", data: { k: "v-value" } }));
    const key = {
      apiKeyRef: { name: "s", key: "k" },
      extraConfig: { note: "own" },
      timeouts: { connect: 3 },
    };
    await must(server.admin("POST", "/api/v1/llms?probe=false", llm("one", { description: "Good", ...key })));
    await must(server.admin("POST", "/api/v1/llms?probe=false", llm("two", key)));
    await must(server.admin("POST", "/api/v1/llms?probe=false", llm("private", { visibility: "private" })));
    const { call } = await server.user("alice", [grant("run", "llms", "one")]);
    const { call: all } = await server.user("bob", [grant("run", "llms")]);
    const listed = await call("GET", "/api/v1/llms");
    expect(listed.body.map(({ name }: { name: string }) => name)).toEqual(["one"]);
    expect(listed.body[0]).toMatchObject({ type: "openai", description: "Good", status: "active" });
    const hidden = ["url", "apiKeyRef", "model", "extraConfig", "timeouts", "owner", "learnedQuirks"];
    for (const field of hidden) expect(listed.body[0], field).not.toHaveProperty(field);
    expect((await call("GET", "/api/v1/llms/one")).body).toEqual(listed.body[0]);
    const names = (await all("GET", "/api/v1/llms")).body.map(({ name }: { name: string }) => name);
    const models = (await all("GET", "/v1/models")).body.data.map(({ id }: { id: string }) => id);
    expect(names).toEqual(["one", "two"]);
    expect(models.filter((id: string) => !id.startsWith("anthropic/")).sort()).toEqual(names);
    // The same answer if it does not exist.
    expect((await call("GET", "/api/v1/llms/two")).status).toBe(403);
    expect((await call("GET", "/api/v1/llms/none")).status).toBe(403);
    expect((await all("GET", "/api/v1/llms/private")).text.replace(/req_\w+/, "")).toBe(
      (await all("GET", "/api/v1/llms/none")).text.replace(/req_\w+/, "").replace("none", "private"),
    );
    expect((await call("PUT", "/api/v1/llms/one", { tier: "heavy" })).status).toBe(403);
    expect((await call("POST", "/api/v1/auth/can-i", { verb: "view", resource: "llms" })).body).toEqual({
      allowed: false,
    });
  });
});
