import { describe, expect, it } from "vitest";
import { isNeeded, isReady, logIn, loginPath, redirectUri } from "../../../support/mcp/log-in.ts";
import { protectedServer, scriptedIssuer } from "../../../support/mcp/protected-server.ts";
import { mcpTestServer, until } from "../../../support/mcp/runtime.ts";
import { must } from "../../../support/server.ts";

describe("an MCP server elsewhere that wants a login", () => {
  it("says how to give it access, and is called with the token when somebody has", async () => {
    const far = protectedServer();
    const mcp = await mcpTestServer();
    await mcp.attach("far", { url: far.url });
    const before = await until(
      () => mcp.row("far"),
      (row) => isNeeded(row) && row.status === "failed",
    );
    expect(before.conditions).toEqual([
      { type: "NeedsAuthorization", message: expect.stringContaining("mcpctl authorize server far") },
    ]);
    expect(await mcp.tools()).toEqual([]);
    await logIn(far, mcp.admin);
    const after = await until(() => mcp.row("far"), isReady);
    expect(after).toMatchObject({
      conditions: [],
      authorization: {
        status: "authorized",
        by: "admin",
        isShared: true,
        issuer: far.issuer.issuer,
        scopes: ["read"],
        renews: true,
        problem: null,
      },
    });
    expect(await mcp.call("look")).toEqual({ text: "look done" });
    const [asked] = far.issuer.of("/authorize");
    expect(asked!.params).toMatchObject({
      response_type: "code",
      code_challenge_method: "S256",
      redirect_uri: redirectUri,
      resource: far.url,
      scope: "read",
    });
    expect(far.issuer.of("/token")[0]!.params).toMatchObject({ resource: far.url });
  });

  it("keeps its tokens out of answers, exports, logs and the audit, and from its own log (T202)", async () => {
    const far = protectedServer();
    const mcp = await mcpTestServer();
    await mcp.attach("far", { url: far.url });
    await until(() => mcp.row("far"), isNeeded);
    await logIn(far, mcp.admin);
    await until(() => mcp.row("far"), isReady);
    const [token] = far.issuer.good.keys();
    const [refresh] = far.issuer.refreshTokens;
    far.answer = (request) =>
      Response.json(
        { jsonrpc: "2.0", id: null, error: { code: -32_000, message: request.headers.get("authorization") } },
        { status: 503 },
      );
    const failed = await mcp.call("look");
    expect(failed.error?.message).toMatch(/far/);
    const texts = [JSON.stringify(failed), ...mcp.logged];
    for (const path of [
      "servers/far",
      "authorizations",
      "secrets",
      "instances",
      "audit",
      "servers/far/logs",
      "kinds",
    ]) {
      const { status, text } = await mcp.admin("GET", `/api/v1/${path}`);
      expect(status, path).toBeLessThan(500);
      texts.push(text);
    }
    for (const text of texts) {
      expect(text).not.toContain(token);
      expect(text).not.toContain(refresh);
    }
  });

  it("gets no token of another server, and no bearer of the caller (T198)", async () => {
    const [far, other] = [protectedServer(), protectedServer()];
    const mcp = await mcpTestServer();
    await mcp.attach("far", { url: far.url });
    await mcp.attach("other", { url: other.url });
    await until(() => mcp.row("far"), isNeeded);
    await logIn(far, mcp.admin);
    await until(() => mcp.row("far"), isReady);
    await until(
      () => mcp.row("other"),
      (row) => isNeeded(row) && row.status === "failed",
    );
    expect(other.seen.every((one) => one.endsWith(" -"))).toBe(true);
    await must(mcp.admin("PUT", "/api/v1/servers/far", { url: other.url }));
    const row = await until(() => mcp.row("far"), isNeeded);
    expect(row.authorization).toMatchObject({ status: "needed", by: null });
    expect(other.seen.every((one) => one.endsWith(" -"))).toBe(true);
    // The tokens of the old url are taken back.
    await until(
      async () => far.issuer.of("/revoke"),
      (list) => list.length === 1,
    );
    expect(far.issuer.refreshTokens.size).toBe(0);
  });

  it("is forgotten when somebody takes the access back, and when the server is deleted", async () => {
    const far = protectedServer();
    const mcp = await mcpTestServer();
    await mcp.attach("far", { url: far.url });
    await until(() => mcp.row("far"), isNeeded);
    await logIn(far, mcp.admin);
    await until(() => mcp.row("far"), isReady);
    expect((await mcp.admin("DELETE", loginPath)).status).toBe(204);
    expect((await mcp.admin("DELETE", loginPath)).status).toBe(404);
    await until(
      async () => far.issuer.of("/revoke"),
      (list) => list.length === 1,
    );
    expect((await mcp.row("far")).authorization.status).toBe("needed");
    expect((await mcp.call("look")).error?.message).toMatch(/mcpctl authorize server far/);
    await logIn(far, mcp.admin);
    await until(() => mcp.row("far"), isReady);
    expect(await mcp.call("look")).toEqual({ text: "look done" });
    await must(mcp.admin("DELETE", "/api/v1/projects/p"));
    await must(mcp.admin("DELETE", "/api/v1/servers/far"));
    await until(
      async () => far.issuer.of("/revoke"),
      (list) => list.length === 2,
    );
    expect((await must(mcp.admin("GET", "/api/v1/authorizations"))).body).toEqual([]);
  });

  it("asks for the scopes that calls lacked, together with those that it has", async () => {
    const far = protectedServer();
    far.needs = { change: "write" };
    const mcp = await mcpTestServer();
    await mcp.attach("far", { url: far.url });
    await until(() => mcp.row("far"), isNeeded);
    await logIn(far, mcp.admin);
    await until(() => mcp.row("far"), isReady);
    const { error } = await mcp.call("change");
    expect(error?.message).toMatch(/needs more access: write; .*mcpctl authorize server far/);
    expect(await mcp.call("look")).toEqual({ text: "look done" });
    expect(await mcp.row("far")).toMatchObject({
      status: "ready",
      authorization: { missingScopes: ["write"] },
      conditions: [{ type: "NeedsScopes", message: expect.stringContaining("write") }],
    });
    await logIn(far, mcp.admin);
    expect(far.issuer.of("/authorize").at(-1)!.params["scope"]).toBe("read write");
    await until(() => mcp.row("far"), isReady);
    expect(await mcp.call("change")).toEqual({ text: "change done" });
    expect((await mcp.row("far")).conditions).toEqual([]);
  });

  it("gets tokens by itself as a client of its own, whose secret goes to no other authorization server (T198)", async () => {
    let time = Date.now();
    const far = protectedServer();
    const mcp = await mcpTestServer({ now: () => time });
    await must(mcp.admin("POST", "/api/v1/secrets", { name: "client", data: { secret: "client-secret-1" } }));
    const oauth = {
      grant: "client_credentials",
      clientId: "machine",
      clientSecretRef: { name: "client", key: "secret" },
    };
    await mcp.attach("far", { url: far.url, oauth });
    await until(() => mcp.row("far"), isReady);
    const [asked] = far.issuer.of("/token");
    expect(asked!.params).toMatchObject({ grant_type: "client_credentials", scope: "read" });
    expect(atob(asked!.authorization!.slice(6))).toBe("machine:client-secret-1");
    const evil = scriptedIssuer();
    far.issuer.good.clear();
    time += 20_000;
    far.metadata = { authorization_servers: [evil.issuer] };
    await must(mcp.admin("DELETE", `/api/v1/instances/far-1`));
    const row = await until(
      () => mcp.row("far"),
      ({ authorization }) => authorization.status === "expired",
    );
    expect(row.authorization.problem).toContain("oauth.issuer");
    expect(evil.of("/token")).toEqual([]);
  });
});

describe("a server of which each user has their own access", () => {
  it("is called with the token of the user, and of nobody else (T203)", async () => {
    const far = protectedServer();
    const mcp = await mcpTestServer();
    await mcp.attach("far", { url: far.url, sharing: "principal" });
    const grants = [
      { role: "run", resource: "projects" },
      { role: "view", resource: "projects" },
    ];
    const { call: alice } = await mcp.user("alice", grants);
    const { call: bob } = await mcp.user("bob", grants);
    await until(() => mcp.row("far"), isNeeded);
    await logIn(far, alice);
    const [ofAlice] = [...far.issuer.good.keys()];
    await until(
      () => mcp.row("far"),
      ({ toolCount }) => toolCount > 0,
    );
    expect(await mcp.call("look", {}, { as: alice })).toEqual({ text: "look done" });
    const before = far.seen.length;
    const { error } = await mcp.call("look", {}, { as: bob });
    expect(error?.message).toMatch(/mcpctl authorize server far/);
    expect(far.seen.slice(before).some((one) => one.includes(ofAlice!))).toBe(false);
    // The missing login of one user does not stop the others.
    expect(await mcp.call("look", {}, { as: alice })).toEqual({ text: "look done" });
    await logIn(far, bob);
    await until(
      () => mcp.call("look", {}, { as: bob }),
      ({ text }) => text === "look done",
    );
    const users = async () => {
      const { body } = await must(mcp.admin("GET", "/api/v1/authorizations"));
      return body
        .filter(({ status }: { status: string }) => status === "authorized")
        .map(({ user }: { user: string }) => user);
    };
    expect(await users()).toEqual(["alice", "bob"]);
    expect((await bob("DELETE", loginPath)).status).toBe(204);
    expect(await mcp.call("look", {}, { as: alice })).toEqual({ text: "look done" });
    await must(mcp.admin("DELETE", "/api/v1/users/alice"));
    expect(await users()).toEqual([]);
    await until(
      async () => far.issuer.of("/revoke"),
      (list) => list.length === 2,
    );
  });

  it("takes no login of a token that may only run a project (T201)", async () => {
    const far = protectedServer();
    const mcp = await mcpTestServer();
    await mcp.attach("far", { url: far.url, sharing: "principal" });
    const { call } = await mcp.token("client", [{ role: "run", resource: "projects" }]);
    expect((await call("POST", loginPath, { redirectUri })).status).toBe(403);
  });

  it("goes to no url that the server had before, although a call there is under way (T344)", async () => {
    const [far, near] = [protectedServer(), protectedServer()];
    const mcp = await mcpTestServer();
    await mcp.attach("far", { url: far.url });
    await until(() => mcp.row("far"), isNeeded);
    await logIn(far, mcp.admin);
    await until(() => mcp.row("far"), isReady);
    const held = Promise.withResolvers<Response>();
    const asked = Promise.withResolvers<void>();
    const bearers: (string | null)[] = [];
    far.answer = async (request) => {
      bearers.push(request.headers.get("authorization"));
      if (!(await request.clone().text()).includes("tools/call")) return undefined as never;
      asked.resolve();
      return (await held.promise).clone();
    };
    const late = mcp.call("look");
    await asked.promise;
    await must(mcp.admin("PUT", "/api/v1/servers/far", { url: near.url }));
    await until(() => mcp.row("far"), isNeeded);
    await logIn(near, mcp.admin);
    // The server that was left refuses the token now, and gets no other one.
    held.resolve(new Response(null, { status: 401 }));
    expect((await late).error?.message).toContain("ended during the call");
    const [present] = [...near.issuer.good.keys()];
    expect(present).toBeDefined();
    expect(bearers.join()).not.toContain(present);
  });

  it("is not begun at a url that the server has no more: nobody could end it", async () => {
    const far = protectedServer();
    const mcp = await mcpTestServer();
    await mcp.attach("far", { url: far.url });
    await until(() => mcp.row("far"), isNeeded);
    const asked = Promise.withResolvers<void>();
    const held = Promise.withResolvers<void>();
    far.issuer.answer = async () => {
      asked.resolve();
      await held.promise;
      return undefined as never;
    };
    const late = mcp.admin("POST", loginPath, { redirectUri });
    await asked.promise;
    await must(mcp.admin("PUT", "/api/v1/servers/far", { url: protectedServer().url }));
    held.resolve();
    const { status, body } = await late;
    expect([status, body.error]).toEqual([502, expect.stringContaining("changed meanwhile; begin again")]);
  });
});
