import { describe, expect, it } from "vitest";
import { said, scriptedMcp, tool } from "../../../support/mcp/http-server.ts";
import {
  answered,
  givenAccess,
  postForm,
  queryOf,
  redemption,
  redirectUri,
  registered,
  renewal,
  requestFor,
} from "../../../support/mcp/oauth-client.ts";
import { testProject } from "../../../support/mcp/project.ts";
import { must, testServer } from "../../../support/server.ts";

const runP = [{ role: "run", resource: "projects", name: "p" }];
const ping = { jsonrpc: "2.0", id: 1, method: "tools/list" };

describe("an MCP client that a user gives access", () => {
  it("finds the server, registers, gets tokens, calls tools, renews its tokens and gives them back", async () => {
    const p = await testProject();
    const far = scriptedMcp("modern", {
      "tools/list": () => ({ tools: [tool("look")] }),
      "tools/call": () => said("seen"),
    });
    await p.attach("far", far.url);
    const alice = await p.user("alice", runP);
    const metadata = (await p.as()("GET", "/.well-known/oauth-protected-resource/projects/p/mcp")).body;
    expect(metadata.authorization_servers).toEqual([p.url]);
    const { body: own } = await p.as()("GET", "/.well-known/oauth-authorization-server");
    expect(own).toMatchObject({ issuer: p.url, code_challenge_methods_supported: ["S256"] });

    const request = requestFor(p, await registered(p, { client_name: "Claude Code" }));
    const shown = await must(alice.call("POST", "/api/v1/oauth/request", { query: queryOf(request) }));
    expect(shown.body).toEqual({
      client: { id: request.clientId, name: "Claude Code", host: null, isRead: true },
      project: "p",
      redirect: { kind: "loopback", place: "127.0.0.1:9" },
    });
    const back = await answered(alice.call, request);
    expect(back.href.startsWith(`${redirectUri}?`)).toBe(true);
    expect(back.searchParams.get("state")).toBe("s t&te");
    expect(back.searchParams.get("iss")).toBe(p.url);
    const pending = (await alice.call("GET", "/api/v1/grants")).body;
    expect(pending).toMatchObject([
      { status: "pending", client: "Claude Code", project: "p", owner: "alice" },
    ]);

    const code = back.searchParams.get("code")!;
    const first = await must(postForm(p, "/oauth/token", redemption(request, code)));
    expect(first.headers.get("cache-control")).toBe("no-store");
    expect(first.body).toMatchObject({ token_type: "Bearer", expires_in: 3600, scope: "mcp" });
    const client = await p.client("modern", { bearer: first.body.access_token });
    expect((await client.listTools()).tools.map(({ name }) => name)).toEqual(["look"]);
    await client.callTool({ name: "look", arguments: {} });
    const [event] = await p.audited();
    const [grant] = (await alice.call("GET", "/api/v1/grants")).body;
    expect([event.user, event.tokenId]).toEqual(["alice", grant.id]);
    expect(grant.status).toBe("active");

    const access = { clientId: request.clientId, refreshToken: first.body.refresh_token };
    const second = await must(
      postForm(p, "/oauth/token", renewal({ ...request, ...access, code, accessToken: "" })),
    );
    expect((await p.post(ping, { bearer: first.body.access_token })).status).toBe(401);
    expect((await p.post(ping, { bearer: second.body.access_token })).status).not.toBe(401);
    const revoked = { token: second.body.refresh_token, client_id: request.clientId };
    expect((await postForm(p, "/oauth/revoke", revoked)).status).toBe(200);
    const refused = await p.post(ping, { bearer: second.body.access_token });
    expect([refused.status, refused.headers.get("www-authenticate")]).toEqual([
      401,
      `Bearer error="invalid_token", resource_metadata="${p.url}/.well-known/oauth-protected-resource/projects/p/mcp"`,
    ]);
    expect((await alice.call("GET", "/api/v1/grants")).body).toEqual([]);
    const { body: log } = await p.admin("GET", "/api/v1/audit?limit=50");
    const ofGrants = log.filter((one: { detail?: { kind?: string } }) => one.detail?.kind === "grant");
    expect(ofGrants.map((one: { action: string }) => one.action)).toEqual(["delete", "create"]);
    const secrets = [code, ...[first, second].flatMap(({ body }) => [body.access_token, body.refresh_token])];
    for (const secret of secrets) expect(JSON.stringify(log) + p.logged.join("")).not.toContain(secret);
  });

  it("may do nothing but use that project's endpoint (T279)", async () => {
    const p = await testProject();
    await must(p.admin("POST", "/api/v1/projects", { name: "q" }));
    const root = await p.user(
      "root",
      ["edit", "run", "expose"].map((role) => ({ role, resource: "*" })),
    );
    const { accessToken, refreshToken } = await givenAccess(p, root.call);
    expect((await p.post(ping, { bearer: accessToken })).status).not.toBe(401);
    const elsewhere = await p.post(ping, { bearer: accessToken, project: "q" });
    const missing = await p.post(ping, { bearer: accessToken, project: "none" });
    expect([elsewhere.status, missing.status, elsewhere.body.error]).toEqual([401, 401, missing.body.error]);
    for (const bearer of [accessToken, refreshToken])
      for (const [method, path] of [
        ["GET", "/api/v1/auth/whoami"],
        ["GET", "/api/v1/grants"],
        ["GET", "/api/v1/projects"],
        ["POST", "/v1/chat/completions"],
        ["GET", "/api/v1/kinds"],
        ["GET", "/api/v1/projects/p/traffic"],
      ] as const)
        expect([path, (await p.as(bearer)(method, path)).status]).toEqual([path, 401]);
    expect((await p.post(ping, { bearer: refreshToken })).status).toBe(401);
  });

  it("goes on working, and renews its tokens, at a server to which a backup was moved", async () => {
    const p = await testProject();
    const alice = await p.user("alice", runP);
    const access = await givenAccess(p, alice.call);
    const backup = await fetch("http://localhost/api/v1/backup", { unix: p.socketPath });
    const other = await testServer();
    const restored = await fetch("http://localhost/api/v1/restore", {
      method: "POST",
      unix: other.socketPath,
      headers: { "content-type": "application/zstd" },
      body: await backup.bytes(),
    });
    expect(restored.status).toBe(200);
    const status = async () => (await other.as(access.accessToken)("POST", "/projects/p/mcp", ping)).status;
    expect(await status()).not.toBe(401);
    expect((await postForm(other, "/oauth/token", renewal(access))).status).toBe(200);
    expect(await status()).toBe(401);
  });
});
