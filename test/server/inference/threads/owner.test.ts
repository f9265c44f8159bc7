import { describe, expect, it } from "vitest";
import { type Client, must } from "../../../support/server.ts";
import { hello, withPersona } from "../personas/setup.ts";

const password = "a-new-password";

async function begin(call: Client): Promise<string> {
  const { body } = await must(call("POST", "/api/v1/agents/reviewer/threads", {}));
  await must(call("POST", "/api/v1/agents/reviewer/chat", { thread: body.id, messages: [hello] }));
  return body.id;
}

describe("the threads of a user (T115)", () => {
  it("are deleted when somebody else sets the password, and the audit says so", async () => {
    const { server, call: bob } = await withPersona();
    const carol = await server.user("carol", [
      { role: "edit", resource: "users" },
      { role: "run", resource: "agents" },
    ]);
    const [id, carols] = [await begin(bob), await begin(carol.call)];
    await must(carol.call("PUT", "/api/v1/users/bob", { password }));
    const { body } = await must(server.as()("POST", "/api/v1/auth/login", { user: "bob", password }));
    const asBob = server.as(body.token);
    expect((await asBob("GET", "/api/v1/threads")).body).toEqual([]);
    const turn = { thread: id, messages: [hello] };
    expect((await asBob("GET", `/api/v1/threads/${id}`)).status).toBe(404);
    expect((await asBob("POST", "/api/v1/agents/reviewer/chat", turn)).status).toBe(404);
    expect((await carol.call("GET", `/api/v1/threads/${carols}`)).status).toBe(200);
    const [event] = (await server.admin("GET", "/api/v1/audit?action=update")).body;
    expect(event).toMatchObject({
      user: "carol",
      detail: {
        kind: "user",
        name: "bob",
        fields: ["password"],
        deleted: expect.arrayContaining(["sessions", "grants", "threads", "files", "tasks"]),
      },
    });
  });

  it("stay when the user changes the password, and when a change by others is refused", async () => {
    const { server, call: bob } = await withPersona();
    const id = await begin(bob);
    await must(bob("POST", "/api/v1/auth/passwd", { current: "bob-password", password }));
    expect((await server.admin("PUT", "/api/v1/users/bob", { password: "short" })).status).toBe(400);
    await must(server.admin("PUT", "/api/v1/users/bob", { displayName: "Bob" }));
    expect((await bob("GET", `/api/v1/threads/${id}`)).body.messages).toHaveLength(2);
  });

  it("do not pass to a later user of the same name", async () => {
    const { server, call: bob } = await withPersona();
    const id = await begin(bob);
    await must(server.admin("DELETE", "/api/v1/users/bob"));
    await must(server.admin("DELETE", "/api/v1/rbac/of-bob"));
    const again = await server.user("bob", [{ role: "run", resource: "agents" }]);
    expect((await again.call("GET", "/api/v1/threads")).body).toEqual([]);
    expect((await again.call("GET", `/api/v1/threads/${id}`)).status).toBe(404);
  });
});
