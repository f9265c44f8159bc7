import { describe, expect, it } from "vitest";
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
import { type TestProject, testProject } from "../../../support/mcp/project.ts";
import { type Client, must } from "../../../support/server.ts";

const runP = [{ role: "run", resource: "projects", name: "p" }];
const ping = { jsonrpc: "2.0", id: 1, method: "tools/list" };

async function statusWith(p: TestProject, bearer: string): Promise<number> {
  return (await p.post(ping, { bearer })).status;
}

async function grantsSeen(call: Client): Promise<string[]> {
  return (await must(call("GET", "/api/v1/grants"))).body.map(({ status }: { status: string }) => status);
}

/** The error of a request to the token endpoint. */
async function refusedToken(p: TestProject, fields: Record<string, string>): Promise<string> {
  const { status, body } = await postForm(p, "/oauth/token", fields);
  return `${status} ${body.error}`;
}

describe("a request for access", () => {
  it("is shown as an error, and sent nowhere, while its redirect URI is not the client's (T277)", async () => {
    const p = await testProject();
    const alice = await p.user("alice", runP);
    const id = await registered(p);
    const other = await registered(p, { redirect_uris: ["https://other.example/cb"] });
    for (const request of [
      requestFor(p, id, { redirect_uri: "https://evil.example/cb" }),
      requestFor(p, id, { redirect_uri: "" }),
      requestFor(p, id, { client_id: "" }),
      requestFor(p, other),
      requestFor(p, "unknown"),
      requestFor(p, "https://127.0.0.1/client.json"),
    ])
      for (const path of ["request", "answer"]) {
        const body = { query: queryOf(request), ...(path === "answer" && { allow: true }) };
        const answer = await alice.call("POST", `/api/v1/oauth/${path}`, body);
        expect([answer.status, answer.body.redirectTo], answer.text).toEqual([400, undefined]);
      }
    const twice = `${queryOf(requestFor(p, id))}&redirect_uri=https%3A%2F%2Fevil.example%2F`;
    expect((await alice.call("POST", "/api/v1/oauth/answer", { query: twice, allow: true })).status).toBe(
      400,
    );
    expect(await grantsSeen(p.admin)).toEqual([]);
  });

  it("of a client whose document nobody can read is shown as such, and only to programs on the user's machine (T277)", async () => {
    const p = await testProject();
    const alice = await p.user("alice", runP);
    const id = "https://no-such-host.invalid/client.json";
    const show = (request: ReturnType<typeof requestFor>) =>
      alice.call("POST", "/api/v1/oauth/request", { query: queryOf(request) });
    const { body } = await must(show(requestFor(p, id)));
    expect(body.client).toEqual({
      id,
      name: "no-such-host.invalid",
      host: "no-such-host.invalid",
      isRead: false,
    });
    for (const uri of ["https://no-such-host.invalid/cb", "no-such-app:/cb"])
      expect((await show(requestFor(p, id, { redirect_uri: uri }))).status).toBe(400);
  });

  it("without PKCE by S256, or for no project of the user, is only refused, whatever the user answers (T278)", async () => {
    const p = await testProject();
    await must(p.admin("POST", "/api/v1/projects", { name: "q" }));
    const alice = await p.user("alice", runP);
    const id = await registered(p);
    const refusals: Record<string, string>[] = [
      { code_challenge: "" },
      { code_challenge_method: "plain" },
      { code_challenge_method: "" },
      { code_challenge: "short" },
      { response_type: "token" },
      { response_type: "" },
      { response_mode: "fragment" },
      { resource: "" },
      { resource: "https://elsewhere.example/projects/p/mcp" },
      { resource: `${p.url}/projects/none/mcp` },
      { resource: `${p.url}/projects/q/mcp` },
      { resource: `${p.url}/api/v1/projects` },
      { resource: `${p.url}/projects/p/mcp?x=1` },
      { state: "x".repeat(4001) },
    ];
    const errors = new Set<string>();
    for (const more of refusals) {
      const back = await answered(alice.call, requestFor(p, id, more));
      expect([back.origin, back.searchParams.has("code")], JSON.stringify(more)).toEqual([
        new URL(redirectUri).origin,
        false,
      ]);
      errors.add(back.searchParams.get("error")!);
    }
    expect([...errors].sort()).toEqual([
      "access_denied",
      "invalid_request",
      "invalid_target",
      "unsupported_response_type",
    ]);
    // A project that is there and one that is not are the same to somebody without rights.
    const bob = await p.user("bob");
    const messages = ["p", "none"].map(async (name) => {
      const request = requestFor(p, id, { resource: `${p.url}/projects/${name}/mcp` });
      return (await bob.call("POST", "/api/v1/oauth/request", { query: queryOf(request) })).body;
    });
    const [there, missing] = await Promise.all(messages);
    expect(there).toEqual(missing);
    expect(await grantsSeen(p.admin)).toEqual([]);
  });

  it("is answered by users alone: not by tokens, by somebody who acts as a user, or by a page elsewhere (T280)", async () => {
    const p = await testProject();
    const alice = await p.user("alice", runP);
    const body = { query: queryOf(requestFor(p, await registered(p))), allow: true };
    const path = "/api/v1/oauth/answer";
    const acting = await must(p.admin("POST", "/api/v1/auth/impersonate", { user: "alice" }));
    for (const call of [p.as(p.bearer), p.as(acting.body.token)])
      expect((await call("POST", path, body)).status).toBe(403);
    expect((await p.as()("POST", path, body)).status).toBe(401);
    for (const origin of ["https://evil.example", "null"])
      expect((await alice.call("POST", path, body, { origin })).status).toBe(403);
    // A page elsewhere can have the browser send the cookie, and not the other half.
    const signIn = { user: "alice", password: "alice-password" };
    const { headers } = await must(p.as()("POST", "/api/v1/auth/page", signIn));
    const cookie = headers.get("set-cookie")!.split(";")[0]!;
    expect((await p.as()("POST", path, body, { cookie })).status).toBe(401);
    expect(await grantsSeen(p.admin)).toEqual([]);
  });
});

describe("a code", () => {
  it("is good for its client, redirect URI, verifier and resource alone, and for a minute (T278, T279)", async () => {
    let time = Date.now();
    const p = await testProject({ now: () => time });
    await must(p.admin("POST", "/api/v1/projects", { name: "q" }));
    const alice = await p.user("alice", runP);
    const request = requestFor(p, await registered(p));
    const code = (await answered(alice.call, request)).searchParams.get("code")!;
    const good = redemption(request, code);
    const wrong: [Record<string, string>, string][] = [
      [{ client_id: await registered(p, { client_name: "Another" }) }, "invalid_grant"],
      [{ redirect_uri: "http://127.0.0.1:10/callback" }, "invalid_grant"],
      [{ code_verifier: "x".repeat(43) }, "invalid_grant"],
      [{ code_verifier: request.fields["code_challenge"]! }, "invalid_grant"],
      [{ resource: `${p.url}/projects/q/mcp` }, "invalid_target"],
      [{ code: `${code.slice(0, -1)}x` }, "invalid_grant"],
      [{ grant_type: "password" }, "unsupported_grant_type"],
      [{ grant_type: "client_credentials" }, "unsupported_grant_type"],
    ];
    for (const [more, error] of wrong)
      expect(await refusedToken(p, { ...good, ...more })).toBe(`400 ${error}`);
    for (const name of ["code", "client_id", "redirect_uri", "code_verifier", "grant_type"]) {
      const { [name]: _, ...rest } = good;
      expect(await refusedToken(p, rest)).toBe("400 invalid_request");
    }
    expect((await p.as()("POST", "/oauth/token", good)).body.error).toBe("invalid_request");
    time += 59_000;
    expect((await postForm(p, "/oauth/token", good)).status).toBe(200);
    const late = requestFor(p, request.clientId);
    const second = (await answered(alice.call, late)).searchParams.get("code")!;
    time += 60_000;
    expect(await refusedToken(p, redemption(late, second))).toBe("400 invalid_grant");
  });

  it("that is used twice ends the access that it gave, and the audit says so (T282)", async () => {
    const p = await testProject();
    const alice = await p.user("alice", runP);
    const access = await givenAccess(p, alice.call);
    expect(await statusWith(p, access.accessToken)).not.toBe(401);
    expect(await refusedToken(p, redemption(access, access.code))).toBe("400 invalid_grant");
    expect(await statusWith(p, access.accessToken)).toBe(401);
    expect(await refusedToken(p, renewal(access))).toBe("400 invalid_grant");
    const { body: log } = await p.admin("GET", "/api/v1/audit?action=delete");
    expect(log[0]).toMatchObject({ user: "alice", detail: { kind: "grant", reason: "code used twice" } });
  });
});

describe("a refresh token", () => {
  it("is good once: an earlier one ends the access of whoever has the present one (T282)", async () => {
    const p = await testProject();
    const alice = await p.user("alice", runP);
    const access = await givenAccess(p, alice.call);
    const next = await must(postForm(p, "/oauth/token", renewal(access)));
    expect(await refusedToken(p, { ...renewal(access), client_id: "another" })).toBe("400 invalid_grant");
    expect(await statusWith(p, next.body.access_token)).not.toBe(401);
    expect(await refusedToken(p, renewal(access))).toBe("400 invalid_grant");
    expect(await statusWith(p, next.body.access_token)).toBe(401);
    const present = { ...access, refreshToken: next.body.refresh_token };
    expect(await refusedToken(p, renewal(present))).toBe("400 invalid_grant");
    expect(await grantsSeen(alice.call)).toEqual([]);
  });

  it("that a client sends twice at a time gives it the same tokens twice (failure mode 228)", async () => {
    const p = await testProject();
    const alice = await p.user("alice", runP);
    const access = await givenAccess(p, alice.call);
    const answers = await Promise.all(
      Array.from({ length: 4 }, () => postForm(p, "/oauth/token", renewal(access))),
    );
    const good = answers.filter(({ status }) => status === 200);
    expect(new Set(good.map(({ text }) => text)).size).toBe(1);
    expect(good.length).toBeGreaterThan(0);
  });

  it("ends after 30 days without use, and the access token after an hour; what is over is swept away", async () => {
    let time = Date.now();
    const p = await testProject({ now: () => time, tick: 20 });
    const alice = await p.user("alice", runP);
    const access = await givenAccess(p, alice.call);
    time += 3_599_000;
    expect(await statusWith(p, access.accessToken)).not.toBe(401);
    time += 1000;
    expect(await statusWith(p, access.accessToken)).toBe(401);
    time += 29 * 86_400_000;
    const next = await must(postForm(p, "/oauth/token", renewal(access)));
    time += 31 * 86_400_000;
    const present = { ...access, refreshToken: next.body.refresh_token };
    expect(await refusedToken(p, renewal(present))).toBe("400 invalid_grant");
    await expect.poll(() => grantsSeen(p.admin)).toEqual([]);
  });
});

describe("the access of a client ends", () => {
  it("with its user, its project and its user's password, and rests while the user may not run the project (T281)", async () => {
    const p = await testProject();
    const password = "another-password";
    const ends: Record<string, (call: Client) => Promise<unknown>> = {
      deleted: () => must(p.admin("DELETE", "/api/v1/users/deleted")),
      changing: (call) =>
        must(call("POST", "/api/v1/auth/passwd", { current: "changing-password", password })),
      reset: () => must(p.admin("PUT", "/api/v1/users/reset", { password })),
      less: () => must(p.admin("DELETE", "/api/v1/rbac/of-less")),
      last: () => must(p.admin("DELETE", "/api/v1/projects/p")),
    };
    const clientId = await registered(p);
    for (const [name, end] of Object.entries(ends)) {
      const { call } = await p.user(name, runP);
      const access = await givenAccess(p, call, {}, clientId);
      await end(call);
      const hasEnded = name !== "less";
      expect([name, await statusWith(p, access.accessToken)]).toEqual([name, hasEnded ? 401 : 403]);
      expect(await refusedToken(p, renewal(access))).toBe(hasEnded ? "400 invalid_grant" : "200 undefined");
    }
    expect(await grantsSeen(p.admin)).toEqual([]);
    // Another project of the name is another one.
    await must(p.admin("POST", "/api/v1/projects", { name: "p" }));
    expect(await grantsSeen(p.admin)).toEqual([]);
  });

  it("is seen and ended by its user, and by nobody else but administrators", async () => {
    const p = await testProject();
    const alice = await p.user("alice", runP);
    const bob = await p.user("bob", runP);
    await givenAccess(p, alice.call);
    const [grant] = (await alice.call("GET", "/api/v1/grants")).body;
    expect(JSON.stringify(grant)).not.toMatch(/[Hh]ash|challenge/);
    expect(await grantsSeen(bob.call)).toEqual([]);
    for (const method of ["GET", "DELETE"])
      expect((await bob.call(method, `/api/v1/grants/${grant.id}`)).status).toBe(403);
    expect((await p.admin("POST", "/api/v1/grants", { name: "x" })).status).toBe(405);
    expect((await p.admin("GET", `/api/v1/grants/${grant.name}`)).body.owner).toBe("alice");
    expect((await alice.call("DELETE", `/api/v1/grants/${grant.name}`)).status).toBe(204);
  });
});

describe("callers without a bearer", () => {
  it("register as often as they like and leave nothing behind, up to 60 times a minute (T274)", async () => {
    const p = await testProject();
    const body = { client_name: "x", redirect_uris: [redirectUri] };
    const before = (await p.admin("GET", "/api/v1/grants")).headers.get("x-mcpctl-revision");
    const statuses: number[] = [];
    for (let i = 0; i < 70; i++) statuses.push((await p.as()("POST", "/oauth/register", body)).status);
    expect([statuses.indexOf(429), statuses.filter((status) => status === 201).length]).toEqual([60, 60]);
    const late = await p.as()("POST", "/oauth/register", body);
    expect([late.body.error, Number(late.headers.get("retry-after")) > 0]).toEqual([
      "temporarily_unavailable",
      true,
    ]);
    expect((await p.admin("GET", "/api/v1/grants")).headers.get("x-mcpctl-revision")).toBe(before);
  });

  it("cannot guess tokens as often as they like", async () => {
    const p = await testProject();
    const guess = { grant_type: "refresh_token", refresh_token: "guess", client_id: "x" };
    const answers = [];
    for (let i = 0; i < 61; i++) answers.push(await refusedToken(p, guess));
    expect(new Set(answers.slice(0, 60))).toEqual(new Set(["400 invalid_grant"]));
    expect(answers[60]).toBe("429 temporarily_unavailable");
    expect((await postForm(p, "/oauth/revoke", { token: "guess", client_id: "x" })).status).toBe(429);
  });
});
