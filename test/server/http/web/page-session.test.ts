import { describe, expect, it } from "vitest";
import { SignInCodes } from "../../../../src/server/http/web/sign-in-codes.ts";
import { type TestServer, testServer } from "../../../support/server.ts";

const path = "/api/v1/auth/page";
const whoami = "/api/v1/auth/whoami";

/** Signs in. Returns the two halves of the session that a browser then holds. */
async function signIn(server: TestServer, headers: Record<string, string> = {}) {
  const {
    status,
    headers: got,
    body,
  } = await server.as()("POST", path, { user: "alice", password: "alice-password" }, headers);
  const setCookie = got.get("set-cookie")!;
  return {
    status,
    setCookie,
    cookie: setCookie.split(";")[0]!,
    page: body.page as string,
    text: JSON.stringify(body),
  };
}

async function withAlice(options = {}) {
  const server = await testServer(options);
  await server.user("alice", [{ role: "view", resource: "llms" }]);
  return server;
}

describe("the session of a browser", () => {
  it("is a cookie that no script reads and half a token, which hold no bearer (T75, T267)", async () => {
    const server = await withAlice();
    const { status, setCookie, cookie, page, text } = await signIn(server);
    expect(status).toBe(200);
    const { port } = new URL(server.url);
    expect(setCookie).toMatch(
      new RegExp(`^mcpctl-${port}=[\\w-]{27}; Path=/; Max-Age=\\d+; HttpOnly; SameSite=Strict$`),
    );
    expect(text + setCookie).not.toContain("mcpctl_ses_");
    const { body } = await server.as()("GET", whoami, undefined, { cookie, "x-mcpctl-page": page });
    expect(body).toMatchObject({ kind: "User", user: "alice", admin: false });
  });

  it("needs both halves: a cookie that a browser sends for a foreign page does nothing (T268, T269)", async () => {
    const server = await withAlice();
    const { cookie, page } = await signIn(server);
    const other = await signIn(server);
    const value = cookie.split("=")[1]!;
    const attempts: Record<string, string>[] = [
      { cookie },
      { "x-mcpctl-page": page },
      { cookie, "x-mcpctl-page": other.page },
      { cookie: other.cookie, "x-mcpctl-page": page },
      { cookie: `${cookie}; ${other.cookie}`, "x-mcpctl-page": page },
      { cookie, "x-mcpctl-page": `${page}x` },
      { cookie, authorization: `Bearer ${page}` },
      { authorization: `Bearer ${value}` },
      { "x-api-key": value, cookie, "x-mcpctl-page": page },
    ];
    for (const headers of attempts) {
      expect((await server.as()("GET", whoami, undefined, headers)).status, JSON.stringify(headers)).toBe(
        401,
      );
      expect((await server.as()("POST", "/api/v1/auth/logout", undefined, headers)).status).toBe(401);
    }
  });

  it("is refused to pages of other origins, for reads too, and under another name of the server (T268, T270)", async () => {
    const server = await withAlice();
    const { cookie, page } = await signIn(server);
    const both = { cookie, "x-mcpctl-page": page };
    const { host, port } = new URL(server.url);
    const ask = async (headers: Record<string, string>) =>
      (await server.as()("GET", whoami, undefined, { ...both, ...headers })).status;
    expect(await ask({ "sec-fetch-site": "same-origin", origin: `http://${host}` })).toBe(200);
    for (const site of ["cross-site", "same-site", "none"])
      expect(await ask({ "sec-fetch-site": site }), site).toBe(401);
    // Another port of the same host is the same site to a browser.
    expect(await ask({ origin: "http://127.0.0.1:9" })).toBe(401);
    expect(await ask({ origin: "null" })).toBe(401);
    expect(await ask({ host: `localhost:${port}` })).toBe(401);
    expect(await ask({ host: "evil.example" })).toBe(421);
  });

  it("has a cookie that only this host sets where a proxy has TLS (T75)", async () => {
    const server = await withAlice({ publicUrls: ["https://llm.example.org"] });
    const byName = await signIn(server, { host: "llm.example.org" });
    expect(byName.setCookie).toMatch(/^__Host-mcpctl=.*; Path=\/; .*HttpOnly; SameSite=Strict; Secure$/);
    const forwarded = { "x-forwarded-proto": "https" };
    const { setCookie, cookie, page } = await signIn(server, forwarded);
    expect(setCookie).toMatch(/^__Host-mcpctl=.*; Secure$/);
    const headers = { cookie, "x-mcpctl-page": page };
    expect((await server.as()("GET", whoami, undefined, { ...headers, ...forwarded })).status).toBe(200);
    expect((await server.as()("GET", whoami, undefined, headers)).status).toBe(401);
  });

  it("ends with logout, which takes the cookie away, and with its time", async () => {
    let now = Date.now();
    const server = await withAlice({ now: () => now });
    const first = await signIn(server);
    const second = await signIn(server);
    const of = ({ cookie, page }: typeof first) => ({ cookie, "x-mcpctl-page": page });
    const out = await server.as()("POST", "/api/v1/auth/logout", undefined, of(first));
    expect(out.status).toBe(204);
    expect(out.headers.get("set-cookie")).toMatch(/^mcpctl-\d+=; Path=\/; Max-Age=0; /);
    expect((await server.as()("GET", whoami, undefined, of(first))).status).toBe(401);
    expect((await server.as()("GET", whoami, undefined, of(second))).status).toBe(200);
    now += 31 * 86_400_000;
    expect((await server.as()("GET", whoami, undefined, of(second))).status).toBe(401);
  });

  it("has the rights of its user, and no more", async () => {
    const server = await withAlice();
    const { cookie, page } = await signIn(server);
    const headers = { cookie, "x-mcpctl-page": page };
    expect((await server.as()("GET", "/api/v1/llms", undefined, headers)).status).toBe(200);
    expect((await server.as()("POST", "/api/v1/users", { name: "eve" }, headers)).status).toBe(403);
    expect((await server.as()("GET", "/api/v1/audit", undefined, headers)).status).toBe(403);
  });

  it("is not begun by guessing: five wrong passwords or codes a minute (T273)", async () => {
    const server = await withAlice();
    const tries = [
      { code: "x" },
      { user: "alice", password: "wrong" },
      { code: "y" },
      { user: "bob", password: "x" },
      { code: "" },
    ];
    for (const body of tries) expect((await server.as()("POST", path, body)).status).toBe(401);
    const { status, headers } = await server.as()("POST", path, {
      user: "alice",
      password: "alice-password",
    });
    expect([status, Number(headers.get("retry-after")) > 0]).toEqual([429, true]);
    const { body } = await server.admin("GET", "/api/v1/audit?action=login_failed");
    expect(body).toHaveLength(5);
  });
});

describe("a link of mcpctl ui", () => {
  it("is made over the Unix socket alone, and signs in once (T273)", async () => {
    const server = await testServer();
    const { bearer } = await server.token("all", [{ role: "edit", resource: "*" }]);
    expect((await server.as(bearer)("POST", `${path}-code`)).status).toBe(403);
    expect((await server.as()("POST", `${path}-code`)).status).toBe(401);
    const { body } = await server.admin("POST", `${path}-code`);
    expect(body.seconds).toBe(60);
    expect(body.url).toMatch(new RegExp(`^${server.url}/#code=[\\w-]{32}$`));
    const code = body.url.split("=")[1];
    expect((await server.as()("POST", path, { code })).status).toBe(200);
    const again = await server.as()("POST", path, { code });
    expect([again.status, again.body.error]).toEqual([401, "this link has been used or is too old"]);
    const { body: events } = await server.admin("GET", "/api/v1/audit?action=login");
    expect(events).toMatchObject([{ user: "admin", status: 200 }]);
    expect(JSON.stringify(events) + server.logged.join()).not.toContain(code);
  });

  it("is good for a minute, and of many only the newest are", () => {
    let elapsed = 0;
    const codes = new SignInCodes(() => elapsed);
    const make = () => codes.make((bytes) => crypto.getRandomValues(bytes));
    const late = make();
    elapsed = 60_000;
    expect(codes.take(late)).toBe(false);
    const first = make();
    const others = Array.from({ length: 20 }, make);
    expect(codes.take(first)).toBe(false);
    expect(others.every((code) => codes.take(code))).toBe(true);
    expect(codes.take(others[0]!)).toBe(false);
  });

  it("is what a new server asks for: nobody has a password yet", async () => {
    const server = await testServer();
    expect((await server.as()("GET", path)).body).toEqual({ passwords: false });
    await server.user("alice");
    expect((await server.as()("GET", path)).body).toEqual({ passwords: true });
  });
});
