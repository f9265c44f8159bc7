import { describe, expect, it } from "vitest";
import { must, type TestServer, testServer } from "../../../support/server.ts";

const tokens = "/api/v1/tokens";
const grant = (role: string, resource: string, name?: string) => ({ role, resource, ...(name && { name }) });
const runs = async (server: TestServer, bearer: string) =>
  (await server.as(bearer)("GET", "/v1/models")).status;

async function make(call: TestServer["admin"], name: string, roleBindings: object[] = [], query = "") {
  return (await must(call("POST", `${tokens}${query}`, { name, roleBindings }))).body;
}

describe("a user's own tokens (T249)", () => {
  it("are listed, read and deleted by a user without any right, and no others are", async () => {
    const server = await testServer();
    const alice = await server.user("alice", [grant("create", "tokens")]);
    const bob = await server.user("bob");
    const own = await make(alice.call, "laptop");
    expect((await alice.call("GET", tokens)).body.map(({ name }: { name: string }) => name)).toEqual([
      "laptop",
    ]);
    expect((await bob.call("GET", tokens)).body).toEqual([]);
    for (const name of ["laptop", own.id, "missing"])
      for (const method of ["GET", "DELETE"])
        expect((await bob.call(method, `${tokens}/${name}`)).status, `${method} ${name}`).toBe(403);
    expect((await bob.call("POST", tokens, { name: "x" })).status).toBe(403);
    expect((await alice.call("PUT", `${tokens}/laptop`, {})).status).toBe(403);
    expect((await alice.call("DELETE", `${tokens}/laptop`)).status).toBe(204);
    expect(await runs(server, own.token)).toBe(401);
  });

  it("are not shown to a token of the same user that has no right on tokens", async () => {
    const server = await testServer();
    const alice = await server.user("alice", [grant("create", "tokens"), grant("view", "llms")]);
    const weak = await make(alice.call, "weak", [grant("view", "llms")]);
    await make(alice.call, "other");
    const call = server.as(weak.token);
    expect((await call("GET", tokens)).status).toBe(403);
    expect((await call("DELETE", `${tokens}/other`)).status).toBe(403);
    expect((await call("GET", `${tokens}/weak`)).status).toBe(403);
  });

  it("are not shown to a token of the same user that may only see one of them", async () => {
    const server = await testServer();
    const alice = await server.user("alice", [grant("create", "tokens"), grant("edit", "tokens")]);
    await make(alice.call, "seen");
    await make(alice.call, "other");
    const one = await make(alice.call, "one", [
      grant("view", "tokens", "seen"),
      grant("delete", "tokens", "seen"),
    ]);
    const call = server.as(one.token);
    expect((await call("GET", tokens)).body.map(({ name }: { name: string }) => name)).toEqual(["seen"]);
    for (const method of ["GET", "DELETE"]) expect((await call(method, `${tokens}/other`)).status).toBe(403);
    expect((await call("DELETE", `${tokens}/seen`)).status).toBe(204);
  });

  it("are of those whom somebody acts as only as far as the one who acts has the right", async () => {
    const server = await testServer();
    const alice = await server.user("alice", [grant("create", "tokens")]);
    await make(alice.call, "laptop");
    const helper = await server.user("helper", [{ role: "run", action: "impersonate" }]);
    const { body } = await must(helper.call("POST", "/api/v1/auth/impersonate", { user: "alice" }));
    const acting = server.as(body.token);
    expect((await acting("GET", tokens)).status).toBe(403);
    expect((await acting("POST", `${tokens}/laptop/rotate`)).status).toBe(403);
  });
});

describe("POST /api/v1/tokens/NAME/rotate (T250)", () => {
  it("gives a new bearer with the same rights, and the old one is refused at once", async () => {
    const server = await testServer();
    const alice = await server.user("alice", [grant("create", "tokens"), grant("run", "llms")]);
    const before = await make(alice.call, "laptop", [grant("run", "llms")]);
    const { body, headers } = await must(alice.call("POST", `${tokens}/laptop/rotate`));
    expect(headers.get("cache-control")).toBe("no-store");
    expect(body).toMatchObject({
      id: before.id,
      name: "laptop",
      roleBindings: before.roleBindings,
      version: 2,
    });
    expect(body.prefix).not.toBe(before.prefix);
    expect([await runs(server, before.token), await runs(server, body.token)]).toEqual([401, 200]);
    const audit = await server.admin("GET", "/api/v1/audit?action=rotate");
    expect(audit.body).toMatchObject([{ user: "alice", detail: { kind: "token", name: "laptop" } }]);
    expect(audit.text).not.toContain(body.token);
  });

  it("ends streams that were opened with the old bearer", async () => {
    const server = await testServer();
    const alice = await server.user("alice", [grant("create", "tokens"), grant("view", "llms")]);
    const { token } = await make(alice.call, "laptop", [grant("view", "llms")]);
    const stream = await fetch(`${server.url}/api/v1/llms?watch=1`, {
      headers: { authorization: `Bearer ${token}` },
    });
    const reader = stream.body!.getReader();
    await reader.read();
    await must(alice.call("POST", `${tokens}/laptop/rotate`));
    let done = false;
    while (!done) ({ done } = await reader.read());
    expect(done).toBe(true);
  });

  it("is for a token itself and for those it made, and never for another one of its user", async () => {
    const server = await testServer();
    const rights = [grant("create", "tokens"), grant("run", "llms")];
    const seeing = await server.user("carol", [...rights, grant("view", "tokens")]);
    await make(seeing.call, "strong", [grant("run", "llms")]);
    const other = await make(seeing.call, "other", [grant("create", "tokens"), grant("view", "tokens")]);
    const as = server.as(other.token);
    await make(as, "child");
    const status = async (name: string) => (await as("POST", `${tokens}/${name}/rotate`)).status;
    // Without the right to see tokens it may name none.
    const blind = server.as((await make(seeing.call, "blind", [grant("create", "tokens")])).token);
    expect((await blind("POST", `${tokens}/blind/rotate`)).status).toBe(403);
    expect([await status("strong"), await status("child"), await status("other")]).toEqual([403, 200, 200]);
  });

  it("is refused for the token of another user, but to the administrator", async () => {
    const server = await testServer();
    const alice = await server.user("alice", [grant("create", "tokens")]);
    await make(alice.call, "laptop");
    const editor = await server.user("editor", [grant("edit", "tokens"), grant("edit", "*")]);
    expect((await editor.call("POST", `${tokens}/laptop/rotate`)).status).toBe(403);
    const bob = await server.user("bob");
    expect((await bob.call("POST", `${tokens}/laptop/rotate`)).status).toBe(403);
    expect((await server.admin("POST", `${tokens}/laptop/rotate`)).status).toBe(200);
    expect((await server.admin("POST", `${tokens}/missing/rotate`)).status).toBe(404);
  });
});

describe("POST /api/v1/tokens?user=NAME (T250)", () => {
  it("makes a token that belongs to that user, with its rights at most, for the administrator", async () => {
    const server = await testServer();
    const alice = await server.user("alice", [grant("run", "llms")]);
    const made = await make(
      server.admin,
      "ci",
      [grant("run", "llms"), grant("view", "users")],
      "?user=alice",
    );
    expect(made.owner).toBe("alice");
    expect(await runs(server, made.token)).toBe(200);
    expect((await server.as(made.token)("GET", "/api/v1/users")).status).toBe(403);
    expect((await alice.call("GET", tokens)).body).toMatchObject([{ name: "ci" }]);
    expect((await server.admin("POST", `${tokens}?user=nobody`, { name: "x" })).status).toBe(404);
  });

  it.each([
    ["who may create tokens", [grant("create", "tokens")]],
    ["who edits everything", [grant("edit", "*")]],
    [
      "who may impersonate and is no administrator",
      [grant("create", "tokens"), { role: "run", action: "impersonate" }],
    ],
    [
      "whom the other user outranks",
      [grant("view", "*"), grant("create", "tokens"), { role: "run", action: "impersonate" }],
    ],
  ])("is refused to a user %s", async (_, grants) => {
    const server = await testServer();
    await server.user("alice", [grant("run", "llms")]);
    const { call } = await server.user("bob", grants);
    expect((await call("POST", `${tokens}?user=alice`, { name: "x" })).status).toBe(403);
    expect((await call("POST", `${tokens}?user=admin`, { name: "x" })).status).toBe(403);
    expect((await server.admin("GET", tokens)).body).toEqual([]);
  });
});
