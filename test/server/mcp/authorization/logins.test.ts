import { describe, expect, it } from "vitest";
import { agreed, isNeeded, isReady, logIn, loginPath, redirectUri } from "../../../support/mcp/log-in.ts";
import { protectedServer, scriptedIssuer } from "../../../support/mcp/protected-server.ts";
import { mcpTestServer, until } from "../../../support/mcp/runtime.ts";
import { must } from "../../../support/server.ts";

describe("the login of a person", () => {
  async function waiting() {
    const far = protectedServer();
    const mcp = await mcpTestServer();
    await mcp.attach("far", { url: far.url });
    await until(() => mcp.row("far"), isNeeded);
    const answer = (as: typeof mcp.admin, parameters: object, name = "far") =>
      as("POST", `/api/v1/servers/${name}/authorization/answer`, parameters);
    return { far, mcp, answer };
  }

  it("ends once, and only for who began it, at the server that it was begun for (T200)", async () => {
    const { far, mcp, answer } = await waiting();
    await must(mcp.admin("POST", "/api/v1/servers", { name: "other", url: protectedServer().url }));
    const { call: editor } = await mcp.user("eve", [{ role: "edit", resource: "servers" }]);
    const parameters = await agreed(far, mcp.admin);
    expect((await answer(editor, parameters)).status).toBe(404);
    expect((await answer(mcp.admin, parameters, "other")).status).toBe(404);
    expect((await answer(mcp.admin, { ...parameters, state: `${parameters["state"]}x` })).status).toBe(404);
    expect((await answer(mcp.admin, { ...parameters, state: "aut_x.y" })).status).toBe(404);
    expect(far.issuer.of("/token")).toEqual([]);
    const both = await Promise.all([answer(mcp.admin, parameters), answer(mcp.admin, parameters)]);
    expect(both.map(({ status }) => status).sort()).toEqual([200, 404]);
    expect((await answer(mcp.admin, parameters)).status).toBe(404);
    expect(far.issuer.of("/token")).toHaveLength(1);
  });

  it("that was begun again ends with the later answer only", async () => {
    const { far, mcp, answer } = await waiting();
    const first = await agreed(far, mcp.admin);
    const second = await agreed(far, mcp.admin);
    expect((await answer(mcp.admin, first)).status).toBe(404);
    await must(answer(mcp.admin, second));
  });

  it("is over after ten minutes", async () => {
    let time = Date.now();
    const far = protectedServer();
    const mcp = await mcpTestServer({ now: () => time });
    await mcp.attach("far", { url: far.url });
    await until(() => mcp.row("far"), isNeeded);
    const parameters = await agreed(far, mcp.admin);
    time += 11 * 60_000;
    expect((await mcp.admin("POST", `${loginPath}/answer`, parameters)).status).toBe(404);
  });

  it.each([
    ["another issuer", (params: URLSearchParams) => params.set("iss", "https://evil.example.com")],
    ["an issuer with one more slash", (params: URLSearchParams) => params.append("iss", "")],
    ["no issuer, where it always sends one", (params: URLSearchParams) => params.delete("iss")],
  ])("fails for an answer with %s, and sends the code nowhere (T197)", async (what, change) => {
    const { far, mcp, answer } = await waiting();
    far.issuer.onRedirect = (params) =>
      what.includes("slash") ? params.set("iss", `${far.issuer.issuer}/`) : change(params);
    const { status, body } = await answer(mcp.admin, await agreed(far, mcp.admin));
    expect([status, body.error]).toEqual([502, expect.stringContaining("another authorization server")]);
    expect(far.issuer.of("/token")).toEqual([]);
    expect((await mcp.row("far")).authorization).toMatchObject({
      status: "needed",
      problem: expect.any(String),
    });
  });

  it("believes no reason of a refusal that another authorization server gives (T197)", async () => {
    const { far, mcp, answer } = await waiting();
    far.issuer.onRedirect = (params) => {
      params.delete("code");
      params.set("error", "words-of-another-server");
      params.set("iss", "https://evil.example.com");
    };
    const { status, body } = await answer(mcp.admin, await agreed(far, mcp.admin));
    expect([status, body.error]).toEqual([502, expect.stringContaining("another authorization server")]);
    expect(JSON.stringify([body, await mcp.row("far")])).not.toContain("words-of-another-server");
  });

  it("with a secret of the client is begun at no other authorization server than before (T198)", async () => {
    const far = protectedServer();
    const mcp = await mcpTestServer();
    await must(mcp.admin("POST", "/api/v1/secrets", { name: "client", data: { secret: "client-secret-1" } }));
    const oauth = { clientId: "machine", clientSecretRef: { name: "client", key: "secret" } };
    await mcp.attach("far", { url: far.url, oauth });
    await until(() => mcp.row("far"), isNeeded);
    await logIn(far, mcp.admin);
    await until(() => mcp.row("far"), isReady);
    const evil = scriptedIssuer();
    far.metadata = { authorization_servers: [evil.issuer] };
    const { status, body } = await mcp.admin("POST", loginPath, { redirectUri });
    expect([status, body.error]).toEqual([502, expect.stringContaining("oauth.issuer")]);
    expect(evil.seen.map(({ path }) => path)).toEqual(["/.well-known/oauth-authorization-server"]);
  });

  it("shows the reason of a refusal, and nothing that moves a cursor", async () => {
    const { far, mcp, answer } = await waiting();
    far.issuer.onRedirect = (params) => {
      params.delete("code");
      params.set("error", "access_denied\u001b[2J");
    };
    const { status, body } = await answer(mcp.admin, await agreed(far, mcp.admin));
    expect(status).toBe(502);
    expect(body.error).toMatch(/access_denied \[2J$/);
  });

  it("sends the browser to no other address than this machine's (T199)", async () => {
    const { mcp } = await waiting();
    for (const redirect of [
      "https://evil.example.com/callback",
      "http://127.0.0.1.evil.example.com:80/callback",
      "http://127.0.0.1:80@evil.example.com/callback",
      "http://127.0.0.1:80/other",
      "javascript:alert(1)",
    ])
      expect((await mcp.admin("POST", loginPath, { redirectUri: redirect })).status, redirect).toBe(400);
    const { status, body } = await mcp.admin("POST", loginPath, {});
    expect([status, body.hint]).toEqual([409, expect.stringContaining("--public-url")]);
  });

  it("ends at the server's own address, where it has an https one", async () => {
    const far = protectedServer();
    const mcp = await mcpTestServer({ publicUrls: ["https://mcpctl.example.org"] });
    await mcp.attach("far", { url: far.url });
    await until(() => mcp.row("far"), isNeeded);
    far.issuer.metadata = { client_id_metadata_document_supported: true };
    const { body } = await must(mcp.admin("POST", loginPath, {}));
    const back = await far.issuer.agree(body.url);
    expect(back.origin + back.pathname).toBe("https://mcpctl.example.org/mcp/oauth/callback");
    const document = await must(mcp.as()("GET", "/mcp/oauth/client.json"));
    expect(far.issuer.of("/authorize")[0]!.params["client_id"]).toBe(document.body.client_id);
    expect(document.body.redirect_uris).toContain(back.origin + back.pathname);
    expect(far.issuer.of("/register")).toEqual([]);
    const wrong = await mcp.as()("GET", `${back.pathname}?code=1&state=aut_0.x`);
    expect([wrong.status, wrong.text]).toEqual([404, expect.stringContaining("no access")]);
    const page = await must(mcp.as()("GET", back.pathname + back.search));
    expect(page.text).not.toContain(back.searchParams.get("code"));
    await until(() => mcp.row("far"), isReady);
  });

  it("needs edit on a server that all share, and hides a private one (T201)", async () => {
    const { far, mcp, answer } = await waiting();
    const { call: viewer } = await mcp.user("vera", [
      { role: "view", resource: "servers" },
      { role: "run", resource: "projects" },
    ]);
    const { call: nobody } = await mcp.user("nina");
    const parameters = await agreed(far, mcp.admin);
    for (const [as, status] of [
      [viewer, 403],
      [nobody, 403],
      [mcp.as(), 401],
    ] as const) {
      expect((await as("POST", loginPath, { redirectUri })).status).toBe(status);
      expect((await answer(as, parameters)).status).toBe(status);
      expect((await as("DELETE", loginPath)).status).toBe(status);
    }
    const { call: editor } = await mcp.user("eddy", [{ role: "edit", resource: "servers" }]);
    await logIn(far, editor);
    expect((await mcp.row("far")).authorization.by).toBe("eddy");
  });
});
