import { describe, expect, it } from "vitest";
import { commits, openHeldStore } from "../../../support/held-store.ts";
import { isNeeded, loginPath, redirectUri } from "../../../support/mcp/log-in.ts";
import { answered, registered, requestFor } from "../../../support/mcp/oauth-client.ts";
import { protectedServer } from "../../../support/mcp/protected-server.ts";
import { mcpTestServer, until } from "../../../support/mcp/runtime.ts";
import { must, testServer } from "../../../support/server.ts";

const old = "alice-password";
const next = "another-password";

/** A server with the user alice, whose store can be held. */
async function withAlice() {
  const { store, hold } = await openHeldStore();
  const server = await testServer({ store });
  const alice = await server.user("alice");
  const login = (password: string) => server.as()("POST", "/api/v1/auth/login", { user: "alice", password });
  const reset = () => server.admin("PUT", "/api/v1/users/alice", { password: next });
  const passwd = (current: string, password: string) =>
    alice.call("POST", "/api/v1/auth/passwd", { current, password });
  return { server, alice, hold, login, reset, passwd };
}

describe("a password that is replaced while it is checked", () => {
  it("begins no session: the login is refused as one with a wrong password (T340)", async () => {
    const { server, hold, login, reset } = await withAlice();
    const checking = hold("passwordHash", "after");
    const late = login(old);
    await checking.reached;
    await must(reset());
    checking.release();
    const wrong = await login("wrong-password");
    const { status, body } = await late;
    expect([status, body.code, body.error]).toEqual([401, "unauthenticated", wrong.body.error]);
    expect(body.error).toBe("wrong user or password");
    expect((await login(next)).status).toBe(200);
    const { body: events } = await must(server.admin("GET", "/api/v1/audit"));
    const actions = events.map(({ action }: { action: string }) => action);
    expect(actions.filter((action: string) => action === "login_failed")).toHaveLength(2);
    // That of the user at the beginning, and that with the new password.
    expect(actions.filter((action: string) => action === "login")).toHaveLength(2);
  });

  it("begins no session of a browser either (T340)", async () => {
    const { server, hold, reset } = await withAlice();
    const checking = hold("passwordHash", "after");
    const late = server.as()("POST", "/api/v1/auth/page", { user: "alice", password: old });
    await checking.reached;
    await must(reset());
    checking.release();
    const { status, headers } = await late;
    expect([status, headers.get("set-cookie")]).toEqual([401, null]);
  });

  it("sets no other one: the login of who knew it has ended (T340)", async () => {
    const { hold, login, passwd, reset } = await withAlice();
    const writing = hold("commit", "before", commits("passwd"));
    const late = passwd(old, "mallorys-password");
    await writing.reached;
    await must(reset());
    writing.release();
    expect((await late).status).toBe(409);
    expect((await login("mallorys-password")).status).toBe(401);
    expect((await login(next)).status).toBe(200);
  });

  it("sets no other one when the user has set one from another login (T340)", async () => {
    const { server, hold, login, passwd } = await withAlice();
    const { body } = await must(login(old));
    const writing = hold("commit", "before", commits("passwd"));
    const late = passwd(old, "mallorys-password");
    await writing.reached;
    await must(server.as(body.token)("POST", "/api/v1/auth/passwd", { current: old, password: next }));
    writing.release();
    expect((await late).status).toBe(409);
    expect((await login(next)).status).toBe(200);
  });
});

/** A server with the project `p`, which alice may use, whose store can be held. */
async function withProject() {
  const { store, hold } = await openHeldStore();
  const server = await mcpTestServer({ store });
  await must(server.admin("POST", "/api/v1/projects", { name: "p" }));
  const alice = await server.user("alice", [{ role: "run", resource: "projects" }]);
  const request = requestFor(server, await registered(server));
  const reset = () => server.admin("PUT", "/api/v1/users/alice", { password: next });
  const rows = async (plural: string) => (await must(server.admin("GET", `/api/v1/${plural}`))).body;
  return { server, alice, hold, request, reset, rows };
}

describe("a password that is set while its user gives access", () => {
  it("ends the access of an MCP client that was given a moment before (T341)", async () => {
    const { alice, hold, request, reset, rows } = await withProject();
    const writing = hold("commit", "before", commits("update", "alice"));
    const late = reset();
    await writing.reached;
    await answered(alice.call, request);
    expect(await rows("grants")).toHaveLength(1);
    writing.release();
    expect((await late).status).toBe(200);
    expect(await rows("grants")).toEqual([]);
  });

  it("ends it also where the user sets the password (T341)", async () => {
    const { alice, hold, request, rows } = await withProject();
    const writing = hold("commit", "before", commits("passwd"));
    const late = alice.call("POST", "/api/v1/auth/passwd", { current: old, password: next });
    await writing.reached;
    await answered(alice.call, request);
    writing.release();
    expect((await late).status).toBe(204);
    expect(await rows("grants")).toEqual([]);
  });

  it("lets no login that it has ended give access (T341)", async () => {
    const { alice, hold, request, reset, rows } = await withProject();
    const giving = hold("commit", "before", commits("create"));
    const late = answered(alice.call, request);
    await giving.reached;
    await must(reset());
    giving.release();
    await expect(late).rejects.toThrow(/got 401/);
    expect(await rows("grants")).toEqual([]);
  });

  it("ends a login at an MCP server that was begun a moment before (T341)", async () => {
    const far = protectedServer();
    const { store, hold } = await openHeldStore();
    const mcp = await mcpTestServer({ store });
    await mcp.attach("far", { url: far.url, sharing: "principal" });
    await until(() => mcp.row("far"), isNeeded);
    const { call } = await mcp.user("alice", [{ role: "run", resource: "projects" }]);
    const writing = hold("commit", "before", commits("update", "alice"));
    const late = mcp.admin("PUT", "/api/v1/users/alice", { password: next });
    await writing.reached;
    const { body } = await must(call("POST", loginPath, { redirectUri }));
    writing.release();
    expect((await late).status).toBe(200);
    const answer = Object.fromEntries((await far.issuer.agree(body.url)).searchParams);
    expect((await mcp.admin("POST", `${loginPath}/answer`, answer)).status).toBe(404);
    const { body: rows } = await must(mcp.admin("GET", "/api/v1/authorizations"));
    expect(rows.filter(({ user }: { user: string }) => user === "alice")).toEqual([]);
  });
});
