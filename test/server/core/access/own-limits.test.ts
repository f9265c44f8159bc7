import { describe, expect, it } from "vitest";
import { type Answer, must, type TestServer, testServer } from "../../../support/server.ts";

const limits = { costPerDay: 1, tokensPerDay: 1000 };
const edits = ["users", "groups", "llms"].map((resource) => ({ role: "edit", resource }));
const password = "a-new-password";

/** Alice may edit users, groups and llms. She, Bob and Carol are in a group with limits. */
async function limitedGroup() {
  const server = await testServer();
  const alice = await server.user("alice", edits);
  await must(server.admin("POST", "/api/v1/users", { name: "bob" }));
  await must(server.admin("POST", "/api/v1/users", { name: "carol" }));
  const members = ["alice", "bob", "carol"];
  await must(server.admin("POST", "/api/v1/groups", { name: "friends", members, limits }));
  return { server, alice: alice.call };
}

/** A refusal that says why, after which the group and its members are as before. */
async function refused(server: TestServer, act: Promise<Answer>, why: string) {
  const { status, body } = await act;
  expect([status, body.error]).toEqual([403, expect.stringContaining(why)]);
  const { body: group } = await must(server.admin("GET", "/api/v1/groups/friends"));
  expect([group.members, group.limits]).toEqual([["alice", "bob", "carol"], limits]);
}

describe("a member of a group with limits (T114)", () => {
  it("cannot lessen them by a change of the group or of its members", async () => {
    const { server, alice } = await limitedGroup();
    const subjects = [{ kind: "User", name: "alice" }];
    const mint = { name: "mints", subjects, roleBindings: [{ role: "edit", resource: "tokens" }] };
    await must(server.admin("POST", "/api/v1/rbac", mint));
    const { body } = await must(alice("POST", "/api/v1/tokens", { name: "t", roleBindings: edits }));
    for (const [method, path, fields] of [
      // Leave it, take out others and what they have used, empty it.
      ["PUT", "/api/v1/groups/friends", { members: ["bob", "carol"] }],
      ["PUT", "/api/v1/groups/friends", { members: ["alice", "bob"] }],
      ["PUT", "/api/v1/groups/friends", { members: null }],
      ["PUT", "/api/v1/groups/friends", { limits: null }],
      ["PUT", "/api/v1/groups/friends", { limits: { ...limits, costPerDay: 2 } }],
      ["DELETE", "/api/v1/groups/friends"],
      ["DELETE", "/api/v1/users/carol"],
      ["DELETE", "/api/v1/users/alice"],
    ] as const)
      for (const call of [alice, server.as(body.token)])
        await refused(server, call(method, path, fields), "apply to you");
  });

  it("can set the password only of users with the same limits", async () => {
    const { server, alice } = await limitedGroup();
    await must(server.admin("POST", "/api/v1/users", { name: "dave" }));
    const why = 'the limits of group "friends" apply to you and not to this user';
    await refused(server, alice("PUT", "/api/v1/users/dave", { password }), why);
    await refused(server, alice("POST", "/api/v1/users", { name: "erin", password }), why);
    await must(alice("POST", "/api/v1/users", { name: "erin" }));
    await refused(server, alice("PUT", "/api/v1/users/erin", { password }), why);
    expect((await server.as()("POST", "/api/v1/auth/login", { user: "dave", password })).status).toBe(401);
    await must(alice("PUT", "/api/v1/users/carol", { password }));
  });

  it("can edit the limits of others, and groups that do not limit them", async () => {
    const { server, alice } = await limitedGroup();
    await must(server.admin("POST", "/api/v1/groups", { name: "free", members: ["alice", "carol"] }));
    await must(server.admin("POST", "/api/v1/groups", { name: "others", members: ["carol"], limits }));
    await must(alice("PUT", "/api/v1/groups/free", { members: ["carol"] }));
    await must(alice("PUT", "/api/v1/groups/others", { members: [], limits: { tokensPerDay: 5 } }));
    await must(alice("PUT", "/api/v1/users/bob", { limits: { tokensPerDay: 5 } }));
    await must(alice("DELETE", "/api/v1/groups/free"));
  });

  it("can do all of it as an administrator", async () => {
    const { server, alice } = await limitedGroup();
    const subjects = [{ kind: "User", name: "alice" }];
    const roleBindings = [{ role: "edit", resource: "*" }];
    await must(server.admin("POST", "/api/v1/rbac", { name: "root", subjects, roleBindings }));
    await must(alice("POST", "/api/v1/users", { name: "erin", password }));
    await must(alice("PUT", "/api/v1/groups/friends", { members: ["bob"] }));
    await must(alice("DELETE", "/api/v1/groups/friends"));
  });
});

it("a user with limits cannot set the password of anybody else (T114)", async () => {
  const server = await testServer();
  const alice = await server.user("alice", edits);
  await must(server.admin("POST", "/api/v1/users", { name: "bob" }));
  await must(server.admin("PUT", "/api/v1/users/alice", { limits }));
  for (const act of [
    alice.call("PUT", "/api/v1/users/bob", { password }),
    alice.call("POST", "/api/v1/users", { name: "alice-2", password }),
    alice.call("PUT", "/api/v1/users/alice", { limits: null }),
  ]) {
    const { status, body } = await act;
    expect([status, body.error]).toEqual([403, expect.stringContaining("apply to you")]);
  }
  await must(alice.call("PUT", "/api/v1/users/bob", { limits: { tokensPerDay: 1 } }));
});
